"""Trains a small scikit-learn model twice and registers both, as a data scientist would with MLflow.

Usage: train.py TRACKING_URI. Prints one JSON object: what was logged, and the SHA-256 of each weights file as it lies
in the artifact store, so that the test compares the import with facts that did not come from the import.
"""

import hashlib
import json
import os
import sys

import mlflow
import pandas as pd
from mlflow.models import infer_signature
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def train(name, regularisation, complete):
    features, target = make_classification(n_samples=200, n_features=4, random_state=7)
    frame = pd.DataFrame(features, columns=["income", "age_of_account", "utilisation", "late_payments"])
    with mlflow.start_run() as run:
        params = {"C": regularisation, "solver": "lbfgs", "max_iter": 200, "fit_intercept": True, "random_state": 42}
        mlflow.log_params(params)
        model = LogisticRegression(**params).fit(frame, target)
        mlflow.log_metric("accuracy", float(model.score(frame, target)))
        mlflow.log_metric("diverged", float("nan"))
        if complete:
            data = mlflow.data.from_pandas(frame.assign(default=target), name="loans", targets="default")
            mlflow.log_input(data, context="training")
            mlflow.set_tags(
                {
                    "mlflow.source.git.commit": COMMIT,
                    "mlflow.source.git.repoURL": "https://ana:secret@git.bank.example/credit.git",
                    "countersign.model.architecture": "logistic regression",
                }
            )
        info = mlflow.sklearn.log_model(
            model,
            name="model",
            registered_model_name=name,
            signature=infer_signature(frame, model.predict(frame)),
        )
    client = mlflow.MlflowClient()
    logged = client.get_run(run.info.run_id)
    folder = mlflow.artifacts.download_artifacts(info.model_uri)
    weights = mlflow.models.Model.load(folder).flavors["sklearn"]["pickled_model"]
    signature = {key: json.loads(value) for key, value in info.signature.to_dict().items() if value}
    canonical = json.dumps(signature, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    with open(os.path.join(folder, weights), "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    inputs = logged.inputs.dataset_inputs if logged.inputs else []
    return {
        "run": run.info.run_id,
        "weights": weights,
        "weights_digest": f"sha256:{digest}",
        "schema_digest": f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}",
        "accuracy": logged.data.metrics["accuracy"],
        "data_version": inputs[0].dataset.digest if inputs else None,
        "source": client.get_model_version(name, info.registered_model_version).source,
    }


def main():
    mlflow.set_tracking_uri(sys.argv[1])
    mlflow.set_experiment("credit")
    first = train("credit", 1.0, complete=True)
    second = train("credit", 0.5, complete=False)
    # The way of MLflow 2: a version whose source is an artifact of a run.
    client = mlflow.MlflowClient()
    client.create_registered_model("card fraud", description="Cards that were stolen.")
    by_run = client.create_model_version("card fraud", source=f"runs:/{first['run']}/model", run_id=first["run"])
    import sklearn

    print(
        json.dumps(
            {
                "versions": [first, second],
                "commit": COMMIT,
                "by_run_source": by_run.source,
                "sklearn": sklearn.__version__,
                "mlflow": mlflow.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()

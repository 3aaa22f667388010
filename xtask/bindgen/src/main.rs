//! `bindgen INPUT.wasm FOLDER`: writes `app.js` and `app_bg.wasm` for the browser into FOLDER.
//!
//! The library behind the `wasm-bindgen` command, pinned in the workspace to the version of the macro, so that nothing has to be
//! installed and the two can never differ. It is a package of its own to keep `cargo xtask` quick to compile; `cargo xtask front`
//! calls it.

use std::{env, path::PathBuf, process::ExitCode};

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let arguments: Vec<PathBuf> = env::args_os().skip(1).map(PathBuf::from).collect();
    let [input, folder] = arguments.as_slice() else {
        eprintln!("usage: bindgen INPUT.wasm FOLDER");
        return ExitCode::from(2);
    };
    let mut bindgen = Bindgen::new();
    bindgen.input_path(input).out_name("app").typescript(false);
    match bindgen.web(true).and_then(|bindgen| bindgen.generate(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bindgen: {error:?}");
            ExitCode::FAILURE
        }
    }
}

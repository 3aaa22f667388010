// Small comforts for every page. Nothing here is needed to read or to act.
(() => {
  // Copy buttons: shown only where copying works; the digits beside them then leave the tab order.
  const canCopy = Boolean(navigator.clipboard);
  for (const button of document.querySelectorAll("button.copy")) {
    if (!canCopy) break;
    button.hidden = false;
    button.previousElementSibling?.removeAttribute("tabindex");
  }
  const said = document.createElement("div");
  said.className = "hidden-visually";
  said.setAttribute("role", "status");
  document.body.append(said);
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("button[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.classList.add("done");
    said.textContent = "Copied";
    setTimeout(() => { button.classList.remove("done"); said.textContent = ""; }, 2000);
  });

  // After a refused form the reader starts at what is to be mended.
  document.getElementById("errors")?.focus();

  // The page says UTC; the title says the reader's own time.
  const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });
  for (const time of document.querySelectorAll("time[datetime*='T']")) {
    const at = new Date(time.dateTime);
    if (!Number.isNaN(at.valueOf())) time.title = `${local.format(at)} your time`;
  }

  // A form is sent once.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 5000);
  });
  addEventListener("pageshow", () => {
    for (const form of document.forms) delete form.dataset.sent;
  });

  // News about what the page shows: told, never acted on; the reader may be in the middle of a sentence. A hidden tab
  // gives its connection back, for browsers have few, and asks for what it missed when it is seen again.
  const live = document.querySelector("[data-live]");
  if (live && globalThis.EventSource) {
    let newest = Number(document.getElementById("ledger-size")?.dataset.entries ?? 0) - 1;
    let stream;
    const tell = (message) => {
      const news = JSON.parse(message.data);
      newest = Math.max(newest, news.seq);
      const again = Object.assign(document.createElement("a"), { href: location.href, textContent: "Load the page again" });
      const said = document.createElement("p");
      said.append(news.sentence, " ", again);
      live.replaceChildren(said);
    };
    const listen = () => {
      stream?.close();
      stream = undefined;
      if (document.hidden) return;
      const source = new URL(live.dataset.live, location.href);
      if (newest >= 0) source.searchParams.set("after", newest);
      stream = new EventSource(source);
      stream.addEventListener("sealed", tell);
    };
    document.addEventListener("visibilitychange", listen);
    addEventListener("pagehide", () => stream?.close());
    addEventListener("pageshow", listen);
  }

  // Paper shows everything.
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
})();

// Keeps the page as fresh as its server: when that says that something has changed, the page is asked for again and the parts
// that differ are put in place. Without JavaScript the page is whole as well; it is then as old as its last loading.
"use strict";
(() => {
  const main = document.querySelector("main");
  const live = document.getElementById("live");
  let busy = false;
  let again = false;
  let told = ""; // the number of the last change
  let tag = ""; // the name of the page that is shown

  const fresh = async () => {
    if (busy || document.hidden) {
      again = true;
      return;
    }
    busy = true;
    again = false;
    try {
      const headers = { "x-neuron-told": told };
      if (tag) headers["if-none-match"] = tag;
      const answer = await fetch(location.href, { credentials: "same-origin", headers });
      if (answer.status !== 304) {
        if (!answer.ok) throw new Error(String(answer.status));
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        tag = replace(page.querySelector("main")) ? answer.headers.get("etag") || "" : "";
      }
      live.textContent = "live";
    } catch {
      live.textContent = "not reachable: this page is out of date";
    }
    busy = false;
    if (again) setTimeout(fresh, 1000);
  };

  // Part by part: what has the keyboard's focus, or has been scrolled, stays where it is. Says whether all of it was put in place.
  const replace = (now) => {
    if (!now) return false;
    if (now.children.length !== main.children.length) {
      if (main.contains(document.activeElement)) return false;
      main.replaceChildren(...now.children);
      return true;
    }
    let whole = true;
    [...now.children].forEach((part, place) => {
      const old = main.children[place];
      if (old.outerHTML === part.outerHTML) return;
      if (old.contains(document.activeElement)) {
        whole = false;
        return;
      }
      const left = old.scrollLeft;
      old.replaceWith(part);
      part.scrollLeft = left;
    });
    return whole;
  };

  const source = new EventSource("/live");
  source.addEventListener("changed", (change) => {
    told = change.lastEventId;
    fresh();
  });
  source.addEventListener("open", () => { live.textContent = "live"; });
  source.addEventListener("error", () => { live.textContent = "not reachable: this page is out of date"; });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && again) fresh(); });
})();

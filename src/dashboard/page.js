// Keeps the page as fresh as its server: when that says that something has changed, the page is asked for again and the parts
// that differ are put in place. Without JavaScript the page is whole as well; it is then as old as its last loading.
"use strict";
(() => {
  const main = document.querySelector("main");
  const live = document.getElementById("live");
  let busy = false;
  let again = false;

  const fresh = async () => {
    if (busy || document.hidden) {
      again = true;
      return;
    }
    busy = true;
    again = false;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin" });
      if (!answer.ok) throw new Error(String(answer.status));
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      replace(page.querySelector("main"));
      live.textContent = "live";
    } catch {
      live.textContent = "not reachable: what you see is old";
    }
    busy = false;
    if (again) setTimeout(fresh, 1000);
  };

  // Part by part: what has the keyboard's focus, or has been scrolled, stays where it is.
  const replace = (now) => {
    if (!now) return;
    if (now.children.length !== main.children.length) {
      if (!main.contains(document.activeElement)) main.replaceChildren(...now.children);
      return;
    }
    [...now.children].forEach((part, place) => {
      const old = main.children[place];
      if (old.outerHTML === part.outerHTML || old.contains(document.activeElement)) return;
      const left = old.scrollLeft;
      old.replaceWith(part);
      part.scrollLeft = left;
    });
  };

  const source = new EventSource("/live");
  source.addEventListener("changed", fresh);
  source.addEventListener("open", () => { live.textContent = "live"; });
  source.addEventListener("error", () => { live.textContent = "not reachable: what you see is old"; });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && again) fresh(); });
})();

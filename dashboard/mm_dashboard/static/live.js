// Keeps the parts of an open page as they are now: each event carries one part's HTML, made and escaped by the server.
const page = document.querySelector("[data-live-page]");

function follow() {
  const stream = new EventSource(`/live/${page.dataset.livePage}`);
  for (const part of page.querySelectorAll("[data-live]")) {
    stream.addEventListener(part.dataset.live, (event) => replace(part, event.data));
  }
  stream.onopen = () => document.body.classList.remove("offline");
  // The browser opens the stream again by itself; until then the page says that it may be old.
  stream.onerror = () => document.body.classList.add("offline");
  addEventListener("pagehide", () => stream.close());
  addEventListener("pageshow", (event) => event.persisted && follow(), { once: true });
}

function replace(part, html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html;
  // Pictures that are there already stay: they would flicker.
  for (const image of fresh.content.querySelectorAll("img")) {
    const known = part.querySelector(`img[src="${CSS.escape(image.getAttribute("src"))}"]`);
    if (known) image.replaceWith(known);
  }
  const focused = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  part.replaceChildren(fresh.content);
  if (focused) part.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
}

if (page) follow();

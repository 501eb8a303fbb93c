// Arrow keys go to the pictures before and after; where the original cannot be had, its thumbnail and the reason are shown.
addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, select, textarea")) return;
  document.querySelector(`[data-key="${CSS.escape(event.key)}"]`)?.click();
});

const image = document.querySelector("#full");

async function instead() {
  if (image.dataset.tried) return;
  image.dataset.tried = "1";
  const answer = await fetch(image.src);
  const words = document.querySelector("#full-problem");
  words.textContent = answer.ok ? "The picture could not be shown." : await answer.text();
  words.hidden = false;
  image.src = image.dataset.instead;
}

image.addEventListener("error", instead);
if (image.complete && !image.naturalWidth) instead();

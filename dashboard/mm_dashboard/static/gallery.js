// Arrow keys move from picture to picture; the player shows this page's frames one after the other, in order of time.
const frames = [...document.querySelectorAll("#frames .frame")];
const play = document.querySelector("#play");

document.querySelector("#frames")?.addEventListener("keydown", (event) => {
  const here = frames.indexOf(document.activeElement);
  if (here < 0) return;
  const top = frames[here].offsetTop;
  const row = frames.filter((frame) => frame.offsetTop === top).length;
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -row, ArrowDown: row }[event.key];
  if (!step) return;
  event.preventDefault();
  frames[Math.min(frames.length - 1, Math.max(0, here + step))].focus();
});

function player() {
  const [dialog, image, words, place, toggle] = ["", "-image", "-words", "-place", "-toggle"].map((part) =>
    document.querySelector(`#player${part}`),
  );
  const newest = new URLSearchParams(location.search).get("order") ?? "newest";
  const shown = frames.map((frame) => ({ frame: frame.dataset.frame, words: frame.querySelector("img").alt }));
  let film = newest === "newest" ? shown.reverse() : shown;
  let timer = 0;

  // What is on further pages belongs to the film too: the address asks for a range of sols, not for a page.
  async function whole() {
    if (!play.dataset.film) return;
    const answer = await fetch(play.dataset.film);
    if (answer.ok) film = (await answer.json()).frames;
    play.dataset.film = "";
  }

  function show(number) {
    place.value = number;
    image.src = film[number].frame;
    words.textContent = `${number + 1} of ${film.length}: ${film[number].words}`;
  }
  function run(on) {
    clearTimeout(timer);
    toggle.textContent = on ? "Pause" : "Play";
    // The next frame comes when this one is there: a slow source makes a slow film, not a broken one.
    if (on) image.onload = () => (timer = setTimeout(() => show((+place.value + 1) % film.length), 180));
    else image.onload = null;
  }
  play.hidden = film.length < 2;
  play.addEventListener("click", async () => {
    dialog.showModal();
    await whole();
    place.max = film.length - 1;
    run(true);
    show(0);
  });
  toggle.addEventListener("click", () => {
    const on = toggle.textContent === "Play";
    run(on);
    if (on) show((+place.value + 1) % film.length);
  });
  place.addEventListener("input", () => (run(false), show(+place.value)));
  dialog.addEventListener("close", () => run(false));
}

if (play) player();

/* Cards with a picture; choosing one tells its id. */
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".gallery");
  const key = JSON.stringify(data);
  if (root._key === key) return;
  root._key = key;
  root.style.setProperty("--least", `${data.least || 210}px`);
  root.replaceChildren();
  for (const one of data.cards) {
    const card = document.createElement("button");
    card.type = "button";
    card.className = "card" + (one.id && one.id === data.picked ? " on" : "");
    card.dataset.id = one.id;
    if (one.src) {
      const shot = document.createElement("div");
      shot.className = "shot";
      const img = document.createElement("img");
      img.src = one.src;
      img.alt = one.alt || "";
      img.loading = "lazy";
      shot.append(img);
      card.append(shot);
    }
    const told = document.createElement("div");
    told.className = "told";
    const name = document.createElement("strong");
    name.textContent = one.title;
    told.append(name);
    if (one.note) {
      const note = document.createElement("small");
      note.textContent = one.note;
      told.append(note);
    }
    card.append(told);
    if (one.id) card.onclick = () => setTriggerValue("picked", one.id);
    root.append(card);
  }
}

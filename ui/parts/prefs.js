/* Language and theme, remembered by the browser: a cookie, and where Streamlit keeps its theme for each page. */
const SHAPES = {
  Light: "M8 4.800a3.200 3.200 0 1 0 0 6.400a3.200 3.200 0 0 0 0-6.400zM8 1v1.500M8 13.500V15M1 8h1.500M13.500 8H15M3 3l1.100 1.100M11.900 11.900L13 13M3 13l1.100-1.100M11.900 4.100L13 3",
  System: "M2 3h12v8H2zM6 14h4M8 11v3", Dark: "M13.500 9.700A6 6 0 0 1 6.300 2.500a6 6 0 1 0 7.200 7.200z",
};
export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".prefs");
  document.documentElement.lang = data.lang;
  const base = location.pathname.replace(/[^/]*$/, "");
  const names = data.pages.map((page) => `stActiveTheme-${base}${page}-v2`);
  let theme = "System";
  try { theme = JSON.parse(localStorage.getItem(names[0])) || "System"; } catch { theme = "System"; }
  root.replaceChildren();
  const set = (label) => {
    const group = document.createElement("div");
    group.className = "set";
    group.setAttribute("role", "group");
    group.setAttribute("aria-label", label);
    root.append(group);
    return (name, on, act) => {
      const button = document.createElement("button");
      button.type = "button";
      button.title = name;
      button.setAttribute("aria-label", name);
      button.setAttribute("aria-pressed", String(on));
      button.onclick = act;
      group.append(button);
      return button;
    };
  };
  const tongues = set(data.words.language);
  for (const [code, short, name] of [["en", "EN", "English"], ["ru", "РУ", "Русский"]]) {
    tongues(name, data.lang === code, () => {
      document.cookie = `${data.cookie}=${code}; path=/; max-age=31536000; SameSite=Lax`;
      setTriggerValue("tongue", code);
    }).textContent = short;
  }
  const themes = set(data.words.theme);
  for (const name of ["Light", "System", "Dark"]) {
    const button = themes(data.words[name], theme === name, () => {
      for (const key of names) localStorage.setItem(key, JSON.stringify(name));
      location.reload();
    });
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 16 16");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    path.setAttribute("d", SHAPES[name]);
    path.setAttribute("fill", "none");
    path.setAttribute("stroke", "currentColor");
    path.setAttribute("stroke-width", "1.500");
    svg.append(path);
    button.append(svg);
  }
}

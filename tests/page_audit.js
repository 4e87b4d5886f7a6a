/* What stands on the page, shadow roots too: texts with too little contrast, names and texts with foreign words, pictures without words. */
(allowed) => {
  const known = new Set(allowed), found = { contrast: [], foreign: [], unnamed: [] };
  const colour = (told) => {
    const parts = (told.match(/[\d.]+/g) || []).map(Number), scale = told.startsWith("color(") ? 255 : 1;
    return told === "transparent" || parts.length < 3 ? [0, 0, 0, 0] : [...parts.slice(0, 3).map((v) => v * scale), parts[3] ?? 1];
  };
  const over = (top, low) => [0, 1, 2].map((i) => top[i] * top[3] + low[i] * (1 - top[3]));
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const above = (one) => one.assignedSlot || one.parentElement || one.getRootNode().host || null;
  const ratio = (element) => {
    const chain = [];
    for (let one = element; one; one = above(one)) chain.unshift(getComputedStyle(one));
    let ground = [255, 255, 255], shown = 1;
    for (const style of chain) {
      ground = over(colour(style.backgroundColor), ground);
      shown *= Number(style.opacity);
    }
    const ink = colour(getComputedStyle(element).color);
    const [most, least] = [light(over([...ink.slice(0, 3), ink[3] * shown], ground)), light(ground)].sort((a, b) => b - a);
    return (most + 0.05) / (least + 0.05);
  };
  const words = (text) => (text.match(/(?<![\w.])[A-Za-z]{3,}(?!\w)/g) || []).filter((word) => !known.has(word));
  const visible = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const text = (node) => {
    const element = node.parentElement;
    if (!element || !node.data.trim()) return;
    const style = getComputedStyle(element), range = document.createRange();
    range.selectNodeContents(node);
    const box = range.getBoundingClientRect();
    if (!visible(element) || style.fontSize === "0px" || box.width < 2 || box.height < 2) return;
    const icon = style.fontFamily.includes("Material"), size = parseFloat(style.fontSize);
    const least = icon || size >= 24 || (size >= 18.6 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
    if (!element.closest("[disabled], [aria-disabled=true]") && ratio(element) < least)
      found.contrast.push(`${node.data.trim().slice(0, 30)}: ${ratio(element).toFixed(2)} ${style.color}`);
    if (!icon && words(node.data).length) found.foreign.push(node.data.trim().slice(0, 60));
  };
  const names = (element) => {
    if (!visible(element)) return;
    for (const name of ["aria-label", "title", "placeholder", "alt"]) {
      const told = element.getAttribute(name);
      if (told && words(told).length) found.foreign.push(`${name}: ${told.slice(0, 60)}`);
    }
    if (element.tagName === "IMG" && !element.alt) found.unnamed.push(element.src.slice(-40));
    if (element.tagName === "BUTTON" && !element.textContent.trim() && !element.getAttribute("aria-label")) found.unnamed.push(element.outerHTML.slice(0, 90));
  };
  const walk = (node) => {
    if (node.nodeType === Node.TEXT_NODE) text(node);
    else if (node.nodeType === Node.ELEMENT_NODE) {
      if (["SCRIPT", "STYLE", "TEXTAREA", "OPTION", "NOSCRIPT"].includes(node.tagName)) return;
      names(node);
    }
    if (node.shadowRoot) walk(node.shadowRoot);
    node.childNodes.forEach(walk);
  };
  walk(document.body);
  return found;
}

/* What Streamlit itself says, put into the page's language: labels, dialogs, tooltips, the field for files. */
const PLACES = "[role=dialog], [role=tooltip], [role=listbox], [data-testid^=stFileUploader], [data-testid=stFileChip], [data-testid=stTooltipContent], [data-live-announcer]";
const NAMES = ["aria-label", "alt", "title", "placeholder", "aria-roledescription"];

export default function (component) {
  const pairs = component.data.pairs.map(([pattern, words]) => [new RegExp(`^(?:${pattern})$`), words]);
  const put = (text, keep) => {
    const pair = pairs.find(([pattern]) => pattern.test(text.trim()));
    const now = pair && text.replace(text.trim(), () => text.trim().replace(...pair));
    if (pair && now !== text) keep(now);
  };
  const one = (node) => {
    if (node.nodeType === Node.TEXT_NODE) {
      if (node.parentElement?.closest(PLACES)) put(node.data, (now) => { node.data = now; });
    } else if (node.nodeType === Node.ELEMENT_NODE) {
      for (const name of NAMES) if (node.hasAttribute(name)) put(node.getAttribute(name), (now) => node.setAttribute(name, now));
    }
  };
  const all = (root) => {
    one(root);
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) one(walker.currentNode);
  };
  const watch = new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.type === "childList") change.addedNodes.forEach(all);
      else one(change.target);
    }
  });
  watch.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: NAMES });
  all(document.body);
  return () => watch.disconnect();
}

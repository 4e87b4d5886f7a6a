/* Pictures from the clipboard go the way of dropped files: into the page's own field for files. */
export default function () {
  const listen = (event) => {
    const files = [...(event.clipboardData?.files || [])];
    const field = document.querySelector('[data-testid="stFileUploader"] input[type="file"]');
    if (!files.length || !field) return;
    event.preventDefault();
    const carrier = new DataTransfer();
    for (const file of field.multiple ? files : files.slice(0, 1)) {
      const name = file.name && file.name !== "image.png" ? file.name : `pasted.${(file.type.split("/")[1] || "png").split("+")[0]}`;
      carrier.items.add(new File([file], name, { type: file.type }));
    }
    field.files = carrier.files;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  };
  document.addEventListener("paste", listen);
  return () => document.removeEventListener("paste", listen);
}

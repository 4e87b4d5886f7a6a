/* Pictures from the clipboard go the way of dropped files: into the page's own field for files. */
export default function () {
  const listen = (event) => {
    const file = [...(event.clipboardData?.files || [])][0];
    const field = document.querySelector('[data-testid="stFileUploader"] input[type="file"]');
    if (!file || !field) return;
    event.preventDefault();
    const carrier = new DataTransfer();
    const name = file.name && file.name !== "image.png" ? file.name : `pasted.${(file.type.split("/")[1] || "png").split("+")[0]}`;
    carrier.items.add(new File([file], name, { type: file.type }));
    field.files = carrier.files;
    field.dispatchEvent(new Event("change", { bubbles: true }));
  };
  document.addEventListener("paste", listen);
  return () => document.removeEventListener("paste", listen);
}

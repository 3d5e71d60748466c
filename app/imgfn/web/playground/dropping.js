// Drag and drop anywhere on the page, and paste.

export function watchDropAndPaste(choose) {
  const carriesFile = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  document.addEventListener("drop", (event) => {
    if (!carriesFile(event)) return;
    event.preventDefault();
    document.body.classList.remove("dropping");
    choose(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => {
    // Every pasted picture is called image.png, so it is named by its content.
    if (event.clipboardData.files.length) choose(event.clipboardData.files[0], true);
  });
}

// Files that are dropped or chosen go up one by one, each with its own progress: sent, read, done. Without this file
// the form sends one file like any form.

const form = document.getElementById("drop");
const list = document.getElementById("files");
const words = form?.dataset;

/** Put a line for a file on the page; return what writes its state. */
function line(name) {
  const item = document.createElement("li");
  const bar = document.createElement("progress");
  const state = document.createElement("span");
  item.append(`${name} `, bar, " ", state);
  list.append(item);
  return (text, share) => {
    state.textContent = text;
    if (share === undefined) bar.removeAttribute("value");
    else bar.value = share;
    if (share === 1) bar.remove();
  };
}

/** Send one file and hear how much of it has gone. */
function send(file, tell) {
  return new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    const body = new FormData();
    body.append("folder", form.elements.folder.value);
    body.append("level", form.elements.level.value);
    body.append("file", file);
    request.open("POST", "/v1/documents");
    request.setRequestHeader("Accept-Language", document.documentElement.lang);
    request.upload.onprogress = (event) => tell(words.sending, event.loaded / event.total / 2);
    request.onerror = () => fail(new Error(words.failed));
    request.onload = () => {
      const answer = JSON.parse(request.responseText || "{}");
      if (request.status === 202) done(answer);
      else fail(new Error(answer.detail ?? words.failed));
    };
    request.send(body);
  });
}

/** Follow the run that reads a file to its end. */
function read(run, tell) {
  return new Promise((done) => {
    const source = new EventSource(`/v1/runs/${run.run_id}/events`);
    source.addEventListener("progress.updated", (event) => {
      const { passages } = JSON.parse(event.data);
      tell(`${words.reading} ${passages || ""}`);
    });
    source.addEventListener("message.completed", (event) => tell(JSON.parse(event.data).text, 1));
    source.addEventListener("stream.end", () => { source.close(); done(); });
  });
}

/** Take files in, one after the other. */
async function take(files) {
  for (const file of files) {
    const tell = line(file.name);
    try {
      const run = await send(file, tell);
      tell(words.reading);
      await read(run, tell);
    } catch (error) {
      tell(error.message, 1);
    }
  }
  const done = document.createElement("li");
  const again = document.createElement("a");
  again.href = "/documents";
  again.textContent = words.done;
  done.append(again);
  list.append(done);
}

if (form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    take([...form.elements.file.files]);
  });
  form.addEventListener("dragover", (event) => { event.preventDefault(); form.classList.add("over"); });
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    take([...event.dataTransfer.files]);
  });
}

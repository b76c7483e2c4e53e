const form = document.querySelector("#new");
const list = document.querySelector("#tasks");
const problem = document.querySelector("#problem");
const template = document.querySelector("#task");

async function call(method, path, body) {
  const response = await fetch("/api/tasks" + path, {
    method,
    headers: { "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  const answer = response.status === 204 ? null : await response.json();
  problem.textContent = response.ok ? "" : answer.error;
  return response.ok ? answer : null;
}

async function show() {
  const { tasks } = await call("GET", "");
  list.replaceChildren(...tasks.map(item));
}

function item(task) {
  const li = template.content.cloneNode(true).firstElementChild;
  const box = li.querySelector("input");
  box.checked = task.done;
  li.querySelector("span").textContent = task.title; // as text, whatever it says
  li.querySelector("time").textContent = task.due ?? "";
  box.onchange = () => call("PATCH", `/${task.id}`, { done: box.checked }).then(show);
  li.querySelector("button").onclick = () => call("DELETE", `/${task.id}`).then(show);
  return li;
}

form.onsubmit = async (event) => {
  event.preventDefault();
  const { title, due } = Object.fromEntries(new FormData(form));
  if (await call("POST", "", { title, due: due || null })) form.reset();
  await show();
};
document.querySelector("#clear").onclick = () => call("POST", "/clear").then(show);
await show();

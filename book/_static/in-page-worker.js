/* The worker of in-page.js: loads Pyodide, and runs the code cells of a chapter one after the other.
   What it tells the page is {kind, text}; see HEARD there. */
const SOURCES = "/_sources/"; // in the site, the files of the project lie below it
const EXERCISE = "## Change one thing";

/* What a notebook has and Python alone has not: IPython's displays, and figures that are shown. */
const GLUE = `
import os, sys, types
from io import StringIO

from page import tell
from pyodide.code import eval_code

os.environ["MPLBACKEND"] = "svg"
try:
    import matplotlib.pyplot as plt
except ModuleNotFoundError:
    plt = None

class HTML:
    def __init__(self, data):
        self.data = data
    def _repr_html_(self):
        return self.data

class Markdown(HTML):
    def _repr_html_(self):
        return None
    def __repr__(self):
        return self.data

def display(*values):
    for value in values:
        bundle = getattr(value, "_repr_mimebundle_", dict)()
        html = bundle.get("text/html") or getattr(value, "_repr_html_", lambda: None)()
        tell("html" if html else "text", html or repr(value))

def show(*_, **__):
    for number in plt.get_fignums():
        drawing = StringIO()
        plt.figure(number).savefig(drawing, format="svg", bbox_inches="tight")
        tell("figure", drawing.getvalue())
    plt.close("all")

if plt:
    plt.show = show
shown = types.ModuleType("IPython.display")
shown.HTML, shown.Markdown, shown.display = HTML, Markdown, display
sys.modules["IPython"] = types.ModuleType("IPython")
sys.modules["IPython"].get_ipython = lambda: None
sys.modules["IPython.display"] = sys.modules["IPython"].display = shown

cells = {"__name__": "__main__"}

def run(source):
    value = eval_code(source, cells)
    if value is not None:
        display(value)
`;

const tell = (kind, text = "") => self.postMessage({ kind, text });
let run = null;

async function read(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url} cannot be read: ${answer.status}`);
  return answer.arrayBuffer();
}

/** What went wrong stands at the end of a traceback, in front of Pyodide's advice if there is any. */
function reason({ message }) {
  const lines = message.trim().split("\n");
  return lines.findLast((line) => /^[\w.]+: /.test(line)) ?? lines.at(-1);
}

/** Code without what IPython alone understands. */
const code = (cell) => cell.source.join("").replace(/^[%!].*$/gm, "");

async function chapter({ pyodide, wheel, files }) {
  tell("status", "Loading Python …");
  const { loadPyodide } = await import(`${pyodide}pyodide.mjs`);
  const python = await loadPyodide({
    indexURL: pyodide,
    stdout: (text) => tell("text", text),
    stderr: (text) => tell("text", text),
  });
  tell("status", "Loading packages …");
  const [notebook, ...data] = files;
  const { cells } = JSON.parse(new TextDecoder().decode(await read(notebook)));
  const sources = cells.filter((cell) => cell.cell_type === "code").map(code);
  const named = sources.flatMap((source) => [...source.matchAll(/^(?:import|from) +([\w.]+)/gm)].map(([, name]) => name));
  const needed = ["numpy", "scipy", "sympy", ...named.filter((name) => name !== "IPython.display")]; // first those of grpo_lib
  const failures = [];
  await python.loadPackagesFromImports(needed.map((name) => `import ${name}`).join("\n"), {
    messageCallback: (text) => tell("status", `${text} …`),
    errorCallback: (text) => failures.push(text),
  });
  if (failures.length) throw new Error(failures.join(" "));
  python.unpackArchive(await read(wheel), "wheel");
  for (const url of data) {
    const path = url.split(SOURCES).at(-1);
    python.FS.mkdirTree(path.split("/").slice(0, -1).join("/"));
    python.FS.writeFile(path, new Uint8Array(await read(url)));
  }
  python.registerJsModule("page", { tell });
  python.runPython(GLUE);
  run = python.globals.get("run");
  for (const [i, source] of sources.entries()) {
    tell("status", `Running cell ${i + 1} of ${sources.length} …`);
    try {
      run(source);
    } catch (error) {
      throw new Error(`Cell ${i + 1} of ${sources.length} failed: ${reason(error)}`);
    }
  }
  const asked = cells.findIndex((cell) => cell.source.join("").startsWith(EXERCISE));
  const exercise = asked < 0 ? undefined : cells.slice(asked).find((cell) => cell.cell_type === "code");
  if (exercise) tell("exercise", exercise.source.join(""));
}

self.addEventListener("message", async ({ data }) => {
  try {
    if (data.pyodide) await chapter(data);
    else run(data.source);
    tell("done");
  } catch (error) {
    tell("failed", data.pyodide ? error.message : reason(error));
  }
});

// The trees of the lab's file systems, which are directories of its state.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export const account = "123456789012";
const path = (region, id, name) => join(process.env.LAB_FOLDER, "lab", "regions", region, "efs", id, "tree", name);

export function write(region, id, name, text) {
  mkdirSync(dirname(path(region, id, name)), { recursive: true });
  writeFileSync(path(region, id, name), text);
}

/** What the file holds, or null when there is none. */
export const read = (region, id, name) =>
  existsSync(path(region, id, name)) ? readFileSync(path(region, id, name), "utf8") : null;

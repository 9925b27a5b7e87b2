import { join } from "node:path";
import { repositoryRoot } from "../context.ts";

/** Programs that were found or built once. */
export const toolsDirectory = join(repositoryRoot, ".aegis", "tools");

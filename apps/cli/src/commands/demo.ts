import type { Command } from "commander";
export function demoCommands(_program: Command): void {}

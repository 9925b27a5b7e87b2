import type { Command } from "commander";
export function auditCommands(_program: Command): void {}

export function hashInputs(
  root: string,
  inputs: string[],
  options?: { without?: string[]; extra?: string },
): string;
export function isFresh(file: string, hash: string): boolean;
export function writeStamp(file: string, hash: string): void;
export function removeStamp(file: string): void;

export const requiredNode: string;
export function nodeVersionFault(found: string): string | undefined;

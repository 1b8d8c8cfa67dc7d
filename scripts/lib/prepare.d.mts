export const root: string;
export function prepare(parts: Array<'server' | 'web'>): Promise<void>;
export function install(folder: string): Promise<void>;
export function forgetBuild(part: 'server' | 'web'): void;

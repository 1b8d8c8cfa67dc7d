import { Emitter } from '../client/emitter.ts';

const changed = new Emitter();
const tell = () => changed.emit();
window.addEventListener('focus', tell);
window.addEventListener('blur', tell);
document.addEventListener('visibilitychange', tell);

/** Whether someone is likely to look at the page right now. */
export const attention = {
  listen: changed.listen,
  current: (): boolean => document.visibilityState === 'visible' && document.hasFocus(),
};

import { useDebounced } from '../ui/use-debounced.ts';
import { useConnectionStatus } from './live.ts';

/** A hiccup shorter than this need not worry anybody. */
const PATIENCE = 1_000;

/** Whether the connection is lost, and not only for a moment. */
export function useAway(): boolean {
  const status = useConnectionStatus();
  const isLost = status === 'connecting' || status === 'offline';
  return useDebounced(isLost, PATIENCE) && isLost;
}

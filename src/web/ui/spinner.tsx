import { LoaderCircle } from 'lucide-react';

/** Turns while something is under way; the words beside it say what. */
export function Spinner({ size = 16 }: { size?: number }) {
  return <LoaderCircle size={size} aria-hidden className="animate-spin" />;
}

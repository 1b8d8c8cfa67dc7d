import { useEffect, useState } from 'react';

/** An address for what is on this device, for as long as it is shown; undefined at first. */
export function useObjectUrl(source: string | Blob): string | undefined {
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    if (typeof source === 'string') return;
    const made = URL.createObjectURL(source);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [source]);
  return typeof source === 'string' ? source : url;
}

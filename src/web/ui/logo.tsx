/** The mark of Parley; the favicon is the same drawing. */
export function Logo({ size }: { size: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="9" className="fill-accent" />
      <path
        className="fill-accent-ink"
        d="M10 7.5h7.4c4.2 0 7.1 2.6 7.1 6.4 0 3.9-2.9 6.5-7.1 6.5h-2.9L10.9 24c-.4.4-.9.1-.9-.4z"
      />
      <circle cx="14.4" cy="14" r="1.5" className="fill-accent" />
      <circle cx="19.2" cy="14" r="1.5" className="fill-accent" />
    </svg>
  );
}

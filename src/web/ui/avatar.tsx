import { clsx } from 'clsx';
import { type CSSProperties, useState } from 'react';
import { hueOf, initials } from '../state/wording.ts';

const sizes = {
  sm: 'size-8 text-xs',
  md: 'size-10 text-sm',
  lg: 'size-12 text-base',
  xl: 'size-24 text-xl',
} as const;

export interface AvatarProps {
  /** Decides the colour behind the initials. */
  id: string;
  name: string;
  picture: string;
  size?: keyof typeof sizes;
  online?: boolean;
  /** Groups are squarer than people. */
  isGroup?: boolean;
}

/** A picture of a person or a group. The name always stands beside it, so it is decoration. */
export function Avatar({ id, name, picture, size = 'md', online, isGroup }: AvatarProps) {
  const [broken, setBroken] = useState('');
  const shape = clsx(sizes[size], isGroup ? 'rounded-[30%]' : 'rounded-full');
  return (
    <span className="relative inline-block shrink-0 select-none" aria-hidden>
      {picture !== '' && picture !== broken ? (
        <img
          src={picture}
          alt=""
          className={clsx(shape, 'bg-hover object-cover')}
          onError={() => setBroken(picture)}
        />
      ) : (
        <span
          className={clsx(shape, 'tint-avatar grid place-items-center font-semibold')}
          style={{ '--hue': hueOf(id) } as CSSProperties}
        >
          {initials(name)}
        </span>
      )}
      {online && (
        <span className="absolute -right-px -bottom-px size-3 rounded-full border-2 border-panel bg-online in-data-away:bg-ink-faint" />
      )}
    </span>
  );
}

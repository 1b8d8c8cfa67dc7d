import {
  File,
  FileArchive,
  FileAudio,
  FileCode,
  FileImage,
  FileSpreadsheet,
  FileText,
  FileVideo,
  type LucideIcon,
} from 'lucide-react';

/** By how a name ends. */
const icons: [LucideIcon, RegExp][] = [
  [FileText, /\.(pdf|docx?|odt|rtf|txt|md|pages|epub)$/i],
  [FileSpreadsheet, /\.(xlsx?|ods|csv|tsv|numbers)$/i],
  [FileImage, /\.(svg|heic|heif|avif|tiff?|bmp|psd|ai|png|jpe?g|webp|gif)$/i],
  [FileVideo, /\.(mp4|mov|mkv|webm|avi)$/i],
  [FileAudio, /\.(mp3|wav|ogg|opus|m4a|flac|aac)$/i],
  [FileArchive, /\.(zip|tar|gz|tgz|bz2|xz|7z|rar)$/i],
  [FileCode, /\.(js|jsx|ts|tsx|json|html?|css|py|rb|go|rs|java|c|cpp|h|sh|ya?ml|xml|sql)$/i],
];

/** What kind of file it is, as far as its name tells. */
export function FileIcon({ name, size }: { name: string; size: number }) {
  const Icon = icons.find(([, ending]) => ending.test(name))?.[0] ?? File;
  return <Icon size={size} aria-hidden className="shrink-0 text-accent" />;
}

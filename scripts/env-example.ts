/** Writes .env.example from the schema of the settings; with --print to standard output. */
import { writeFileSync } from 'node:fs';
import { envExample } from '../src/config.ts';

if (process.argv.includes('--print')) process.stdout.write(envExample());
else writeFileSync('.env.example', envExample());

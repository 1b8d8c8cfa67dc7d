import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ConfigError, envExample, parseConfig } from '../src/config.ts';

describe('the configuration', () => {
  it('has a default for everything in development', () => {
    expect(parseConfig({})).toMatchObject({
      production: false,
      port: 3000,
      host: '127.0.0.1',
      mongodb: { uri: undefined, poolMin: 5, poolMax: 50 },
      redisUrl: undefined,
      bcryptCost: 10,
    });
    expect(parseConfig({ NODE_ENV: 'production', JWT_SECRET: 'x'.repeat(32) }).host).toBe(
      '0.0.0.0',
    );
  });

  it('names every fault at once', () => {
    const faulty = {
      NODE_ENV: 'production',
      PORT: '70000',
      MONGODB_URI: 'localhost',
      REDIS_URL: 'maybe',
      BCRYPT_COST: '3',
    };
    let message = '';
    try {
      parseConfig(faulty);
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      message = (error as Error).message;
    }
    for (const name of ['PORT', 'MONGODB_URI', 'REDIS_URL', 'BCRYPT_COST', 'JWT_SECRET']) {
      expect(message).toContain(`${name}:`);
    }
  });

  it('counts an empty variable as absent, and refuses a pool that is upside down', () => {
    expect(
      parseConfig({ PORT: '', CORS_ORIGINS: 'https://a.example/, https://b.example' }),
    ).toMatchObject({
      port: 3000,
      corsOrigins: ['https://a.example', 'https://b.example'],
    });
    expect(() => parseConfig({ MONGODB_POOL_MIN: '9', MONGODB_POOL_MAX: '3' })).toThrow(/POOL_MIN/);
  });

  it('is described in .env.example as the schema has it', () => {
    expect(readFileSync('.env.example', 'utf8')).toBe(envExample());
  });
});

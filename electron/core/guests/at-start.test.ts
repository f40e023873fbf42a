import { expect, it } from 'vitest';
import { Domain, domainProps, interfaceProps, memballoonProps, newDomain } from '../domain/index.ts';
import { newSpecs } from '../domain/testing.ts';
import { startCommands } from './at-start.ts';

const hybrid = newDomain(newSpecs['new-hybrid']!);
const memory = hybrid.get(domainProps.memory)!;

it('has nothing to say of a guest with its cables in and all its memory', () => {
  expect(startCommands(hybrid)).toEqual([]);
});

it('takes cables out and memory away', () => {
  const wanted = hybrid.set(interfaceProps.link, 'down', 0).set(domainProps.currentMemory, memory / 2);
  expect(startCommands(Domain.parse(wanted.text))).toEqual([
    { command: 'set_link', arguments: { name: 'net0', up: false } },
    { command: 'balloon', arguments: { value: memory / 2 } },
  ]);
});

it('asks no balloon that is not there, or that is to leave all', () => {
  const less = hybrid.set(domainProps.currentMemory, memory / 2);
  expect(startCommands(less.set(memballoonProps.model, 'none'))).toEqual([]);
  expect(startCommands(hybrid.set(domainProps.currentMemory, memory * 2))).toEqual([]);
});

// Answers what the reference implementation of JSONata makes of templates. A line of
// the input is {"source", "input"}, where a missing input is undefined. A line of the
// output is {"value"}, {"unfit": why JSON cannot hold the value}, {"error": a code} or
// {}, which is undefined. {"source", "input", "times"} is answered by {"nanoseconds"}: what
// so many evaluations take, each with the reading and writing of JSON if "json" is true.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const nodeModules = process.argv[2];

// Faults of the reference that are corrected here, because no template should depend on
// them: the code that has the fault, and the code that replaces it.
const corrections = [
  // An empty list that an object {…} is made of has one element, undefined, from then on.
  ['input.push(undefined);', 'input = Object.assign(environment.base.createSequence(undefined), { tupleStream: input.tupleStream });'],
  // ?? and ?: copy their left side without its regular expressions and signatures.
  ['JSON.parse(JSON.stringify(left))', 'copyTree(left)'],
  // At the end of a function a call loses its group {…}, and a block its predicates too.
  ["if (expr.type === 'function' && !expr.predicate)", "if (expr.predicate || expr.group) { result = expr; } else if (expr.type === 'function')"],
];

function copyTree(part) {
  if (Array.isArray(part)) return part.map(copyTree);
  if (part === null || typeof part !== 'object' || part instanceof RegExp) return part;
  return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, copyTree(value)]));
}

function load() {
  let source = readFileSync(nodeModules + '/jsonata/jsonata.js', 'utf8');
  for (const [fault, correction] of corrections) {
    if (!source.includes(fault)) throw new Error('the reference has changed: ' + fault);
    source = source.replaceAll(fault, correction);
  }
  const module = { exports: {} };
  new Function('module', 'exports', 'copyTree', source)(module, module.exports, copyTree);
  return module.exports;
}

const jsonata = load();

// compile compiles a template, which may call $money of an amount in minor units.
function compile(source, limits) {
  const template = jsonata(source, limits);
  template.registerFunction('money', (amount) => amount / 100);
  return template;
}

const isFunction = (value) =>
  typeof value === 'function' || value?._jsonata_lambda === true || value?._jsonata_function === true;

function unfit(value, key) {
  if (isFunction(value)) {
    return key === 'next' ? undefined : 'a function'; // a match of a regular expression has next
  }
  if (typeof value === 'number') {
    return Number.isFinite(value) ? undefined : 'a number that is not finite';
  }
  if (value === null || typeof value !== 'object') {
    return undefined;
  }
  for (const key of Object.keys(value)) {
    const reason = unfit(value[key], key);
    if (reason) return reason;
  }
}

async function answer({ source, input }) {
  try {
    const value = await compile(source, { timeout: 10_000, stack: 1_000 }).evaluate(input);
    const reason = unfit(value);
    return reason ? { unfit: reason } : { value };
  } catch (problem) {
    return { error: problem.code ?? String(problem.message ?? problem) };
  }
}

async function measure({ source, input, times, json }) {
  const template = compile(source);
  const text = JSON.stringify(input);
  const evaluate = json
    ? async () => JSON.stringify(await template.evaluate(JSON.parse(text)))
    : () => template.evaluate(input);
  const start = process.hrtime.bigint();
  for (let i = 0; i < times; i++) await evaluate();
  return { nanoseconds: Number(process.hrtime.bigint() - start) };
}

for await (const line of createInterface({ input: process.stdin })) {
  const question = JSON.parse(line);
  const reply = await (question.times ? measure(question) : answer(question));
  process.stdout.write(JSON.stringify(reply) + '\n');
}

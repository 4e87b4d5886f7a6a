// Reads one JSON array of BPMN documents from standard input and prints, for each, the warnings of bpmn-moddle.
import { BpmnModdle } from 'bpmn-moddle';
import { readFileSync } from 'node:fs';

const out = [];
for (const xml of JSON.parse(readFileSync(0, 'utf8'))) {
  try {
    out.push((await new BpmnModdle().fromXML(xml)).warnings.map((warning) => warning.message));
  } catch (error) {
    out.push([error.message]);
  }
}
console.log(JSON.stringify(out));

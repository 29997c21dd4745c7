// OpenAI's own library for Node, with functions of its own and a form of the answer, before an agent.
import OpenAI from "openai";

const AGENT = "agent/assistant";
const BALANCE = "김하은의 남은 연차를 도구로 알아봐 줘", FORM = "김하은의 남은 연차를 양식으로 알려 줘";
const client = new OpenAI({ baseURL: process.env.DAERI_URL + "/v1", apiKey: process.env.DAERI_KEY, maxRetries: 0 });
const user = (content) => [{ role: "user", content }];
const parameters = { type: "object", properties: { name: { type: "string" } }, required: ["name"] };
const described = { name: "balance", description: "How many leave days are left.", parameters };
const schema = {
  type: "object",
  properties: { name: { type: "string" }, days: { type: "number" } },
  required: ["name", "days"],
  additionalProperties: false,
};

async function looped(stream) {
  let called;
  const run = (given) => { called = given; return "7.5"; };
  const balance = { type: "function", function: { ...described, parse: JSON.parse, function: run } };
  const runner = client.chat.completions.runTools({ model: AGENT, messages: user(BALANCE), tools: [balance], stream });
  const said = await runner.finalContent();
  return ["balance", called, said];
}

async function respond(streams, sent) {
  const asked = { model: AGENT, tools: [{ type: "function", strict: false, ...described }], ...sent };
  return streams ? client.responses.stream(asked).finalResponse() : client.responses.create(asked);
}

async function responses(streams) {
  const asked = await respond(streams, { input: BALANCE });
  const [call] = asked.output;
  const input = [{ type: "function_call_output", call_id: call.call_id, output: "7.5" }];
  const done = await respond(streams, { input, previous_response_id: asked.id });
  return [call.name, JSON.parse(call.arguments), done.output_text];
}

async function formed() {
  const response_format = { type: "json_schema", json_schema: { name: "balance", schema, strict: true } };
  const reply = await client.chat.completions.parse({ model: AGENT, messages: user(FORM), response_format });
  const text = { format: { type: "json_schema", name: "balance", schema, strict: true } };
  const told = await client.responses.parse({ model: AGENT, input: FORM, text });
  if (told.output_text !== reply.choices[0].message.content) throw new Error(told.output_text);
  return JSON.parse(reply.choices[0].message.content);
}

console.log(JSON.stringify({
  tools: await looped(false),
  tools_streamed: await looped(true),
  responses: await responses(false),
  responses_streamed: await responses(true),
  form: await formed(),
}));

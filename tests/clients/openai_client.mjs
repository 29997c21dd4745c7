// OpenAI's own library for Node.
import OpenAI from "openai";

const URL = process.env.DAERI_URL + "/v1";
const AGENT = "agent/assistant", MODEL = "vendor/large";
const HELLO = "안녕하세요", BALANCE = "김하은의 남은 연차를 도구로 알아봐 줘", FORM = "김하은의 남은 연차를 양식으로 알려 줘";
const client = new OpenAI({ baseURL: URL, apiKey: process.env.DAERI_KEY, maxRetries: 0 });
const user = (content) => [{ role: "user", content }];
const form = {
  type: "object",
  properties: { name: { type: "string" }, days: { type: "number" } },
  required: ["name", "days"],
  additionalProperties: false,
};

async function whole(model) {
  const reply = await client.chat.completions.create({ model, messages: user(HELLO) });
  return [reply.choices[0].message.content, reply.usage.total_tokens];
}

async function streamed(model) {
  let text = "", tokens = 0;
  const options = { stream: true, stream_options: { include_usage: true } };
  for await (const chunk of await client.chat.completions.create({ model, messages: user(HELLO), ...options })) {
    text += chunk.choices.map((choice) => choice.delta.content ?? "").join("");
    tokens = chunk.usage?.total_tokens ?? tokens;
  }
  return [text, tokens];
}

async function tools() {
  let called;
  const balance = {
    type: "function",
    function: {
      name: "balance",
      description: "How many leave days are left.",
      parameters: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
      parse: JSON.parse,
      function: (given) => { called = given; return "7.5"; },
    },
  };
  const runner = client.chat.completions.runTools({ model: MODEL, messages: user(BALANCE), tools: [balance] });
  return ["balance", called ?? (await runner.finalContent(), called), await runner.finalContent()];
}

async function formed() {
  const response_format = { type: "json_schema", json_schema: { name: "balance", schema: form, strict: true } };
  const reply = await client.chat.completions.parse({ model: MODEL, messages: user(FORM), response_format });
  return JSON.parse(reply.choices[0].message.content);
}

async function refused(model, apiKey) {
  try {
    const other = new OpenAI({ baseURL: URL, apiKey, maxRetries: 0 });
    await other.chat.completions.create({ model, messages: user(HELLO) });
  } catch (error) {
    return error.status;
  }
  return 200;
}

const models = [];
for await (const model of client.models.list()) models.push(model.id);
console.log(JSON.stringify({
  agent: (await whole(AGENT))[0],
  agent_streamed: (await streamed(AGENT))[0],
  raw: await whole(MODEL),
  raw_streamed: await streamed(MODEL),
  tools: await tools(),
  form: await formed(),
  unknown: await refused("vendor/nothing", process.env.DAERI_KEY),
  stranger: await refused(AGENT, "dk_live_nobody"),
  responses: (await client.responses.create({ model: AGENT, input: HELLO })).output_text,
  models: models.sort(),
}));

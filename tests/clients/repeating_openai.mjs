// OpenAI's own library for Node as it comes, on a connection that breaks when the answer comes.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.env.DAERI_URL + "/v1", apiKey: process.env.DAERI_KEY });
const sent = { model: "agent/assistant", messages: [{ role: "user", content: "새 과제를 등록해줘" }] };
const reply = await client.chat.completions.create(sent);
console.log(JSON.stringify({ said: reply.choices[0].message.content }));

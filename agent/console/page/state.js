// What the page knows of the world at this moment, and what its reader has chosen.
export const state = {
  open: new Map(), nodes: new Map(), me: null, lately: [], chosen: null, connected: false, answers: true, why: "", began: 0, node: null,
  places: {}, raised: "", fitted: false,
};

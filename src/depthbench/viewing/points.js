"use strict";
// Colored points that turn, in WebGL. Depth becomes points by the pinhole camera: x right, y down, z forward.

const VERTEX = `
attribute vec3 place; attribute vec3 color;
uniform float yaw, pitch, pivot, distance, dot; uniform vec2 focal;
varying vec3 tint;
void main() {
  vec3 p = place - vec3(0.0, 0.0, pivot);
  p = vec3(cos(yaw) * p.x + sin(yaw) * p.z, p.y, cos(yaw) * p.z - sin(yaw) * p.x);
  p = vec3(p.x, cos(pitch) * p.y - sin(pitch) * p.z, cos(pitch) * p.z + sin(pitch) * p.y);
  float z = p.z + distance;
  gl_Position = vec4(focal.x * p.x, -focal.y * p.y, z - 0.04 * pivot, z);
  gl_PointSize = clamp(dot * place.z / max(z, 0.01), 1.0, 24.0);
  tint = color;
}`;
const FRAGMENT = `
precision mediump float;
varying vec3 tint;
void main() { gl_FragColor = vec4(tint, 1.0); }`;
const FILLED = 0.92; // share of the canvas that the picture's view fills at the start
const SHARPEST = 2; // pixels of the screen for one of the page

class Points {
  // Draws into a canvas; `this.sound` is false where the browser has no WebGL.
  constructor(canvas) {
    this.canvas = canvas;
    this.count = 0;
    const gl = (this.gl = canvas.getContext("webgl", { antialias: true, preserveDrawingBuffer: true }));
    this.sound = Boolean(gl);
    if (!gl) return;
    const program = (this.program = gl.createProgram());
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    this.buffers = ["place", "color"].map((name) => {
      const buffer = gl.createBuffer();
      const index = gl.getAttribLocation(program, name);
      gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
      gl.enableVertexAttribArray(index);
      gl.vertexAttribPointer(index, 3, name === "place" ? gl.FLOAT : gl.UNSIGNED_BYTE, name === "color", 0, 0);
      return buffer;
    });
    gl.enable(gl.DEPTH_TEST);
  }

  // depth: Float32Array of height * width; colors: three bytes a pixel; camera: fx, fy, cx, cy.
  set(depth, colors, width, height, camera) {
    const [fx, fy, cx, cy] = camera;
    const places = new Float32Array(3 * depth.length);
    const tints = new Uint8Array(3 * depth.length);
    const known = [];
    let count = 0;
    for (let i = 0; i < depth.length; i++) {
      const z = depth[i];
      if (!(z > 0 && z < Infinity)) continue;
      places[3 * count] = (((i % width) - cx) / fx) * z;
      places[3 * count + 1] = ((Math.floor(i / width) - cy) / fy) * z;
      places[3 * count + 2] = z;
      for (let c = 0; c < 3; c++) tints[3 * count + c] = colors[3 * i + c];
      if (i % 7 === 0) known.push(z);
      count++;
    }
    known.sort((a, b) => a - b);
    this.pivot = known.length ? known[known.length >> 1] : 1;
    this.count = count;
    this.view = { width, height, fx, fy };
    if (!this.sound) return;
    [places.subarray(0, 3 * count), tints.subarray(0, 3 * count)].forEach((values, index) => {
      this.gl.bindBuffer(this.gl.ARRAY_BUFFER, this.buffers[index]);
      this.gl.bufferData(this.gl.ARRAY_BUFFER, values, this.gl.STATIC_DRAW);
    });
  }

  draw(turn) {
    const { gl, canvas, view } = this;
    if (!this.sound || !view) return;
    const sharpness = Math.min(window.devicePixelRatio || 1, SHARPEST);
    const [width, height] = [Math.round(canvas.clientWidth * sharpness), Math.round(canvas.clientHeight * sharpness)];
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    gl.viewport(0, 0, width, height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    const fit = FILLED * Math.min(width / view.width, height / view.height); // pixels of the canvas for one of the map
    const set = (name, value) => gl.uniform1f(gl.getUniformLocation(this.program, name), value);
    set("yaw", turn.yaw);
    set("pitch", turn.pitch);
    set("pivot", this.pivot);
    set("distance", this.pivot * turn.away);
    set("dot", 1.25 * fit);
    gl.uniform2f(gl.getUniformLocation(this.program, "focal"), (2 * view.fx * fit) / width, (2 * view.fy * fit) / height);
    gl.drawArrays(gl.POINTS, 0, this.count);
  }
}

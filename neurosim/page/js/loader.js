// The program of the page lies packed in the file, which so stays small. This unpacks it and starts it.

window.neurosim = {
  ready: (async () => {
    try {
      const packed = Uint8Array.from(atob(document.getElementById("program").textContent), (letter) => letter.charCodeAt(0));
      const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
      const script = document.createElement("script");
      script.id = "unpacked";
      script.textContent = await new Response(stream).text();
      document.body.append(script); // runs at once, and puts its own hook in the place of this one
    } catch (error) {
      document.getElementById("notice").textContent = `This page needs a newer browser: its program cannot be unpacked. ${error.message}`;
      throw error;
    }
    await window.neurosim.ready;
  })(),
};

// The loader: it unpacks the program of the page and starts it. The program is packed to keep the file small.

window.neurosim = {
  ready: (async () => {
    try {
      const packed = Uint8Array.from(atob(document.getElementById("program").textContent), (letter) => letter.charCodeAt(0));
      const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
      const script = document.createElement("script");
      script.id = "unpacked";
      script.textContent = await new Response(stream).text();
      document.body.append(script); // runs at once, and replaces this hook with its own
    } catch (error) {
      document.getElementById("notice").textContent = `This page needs a newer browser: its program cannot be unpacked. ${error.message}`;
      throw error;
    }
    await window.neurosim.ready;
  })(),
};

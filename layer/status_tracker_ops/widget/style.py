"""The widget's style sheet: two themes, one layout."""

# Every pair of colours that meet has a contrast of at least 4.5 (WCAG AA); the browser tests compute it.
CSS = """
.stt{--text:#16191f;--quiet:#4d5761;--line:#c6cbd1;--back:#ffffff;--band:#f2f4f6;--link:#0058b8;--good:#1a6b21;
--bad:#b00020;--warn:#7a4f00;--note:#e8f1fb;color:var(--text);background:var(--back);
font:14px/1.45 "Amazon Ember","Helvetica Neue",Roboto,Arial,sans-serif;padding:12px;box-sizing:border-box}
.stt.dark{--text:#e9ebed;--quiet:#b4bcc5;--line:#414d5c;--back:#161d26;--band:#212b38;--link:#75b6ff;--good:#7fd18a;
--bad:#ff9592;--warn:#f2c261;--note:#1c3049}
.stt *{box-sizing:border-box}
.stt h2{font-size:16px;line-height:1.3;margin:0 0 8px;overflow-wrap:anywhere}
.stt h3{font-size:14px;margin:16px 0 6px}
.stt p{margin:6px 0}
.stt nav,.stt .row{display:flex;flex-wrap:wrap;gap:6px 14px;align-items:center;margin:0 0 10px}
.stt nav{margin:0 0 6px}
.stt table{border-collapse:collapse;width:100%;margin:0 0 10px}
.stt caption{text-align:left;color:var(--quiet);padding:0 0 6px}
.stt th,.stt td{text-align:left;vertical-align:top;padding:6px 10px 6px 0;border-bottom:1px solid var(--line);
color:var(--text);background:transparent;font-weight:400;overflow-wrap:anywhere}
.stt thead th{color:var(--quiet);font-weight:600;border-bottom-width:2px;overflow-wrap:normal}
.stt tbody th{font-weight:600}
.stt tbody th .quiet,.stt tbody th .stuck,.stt tbody th .brief{font-weight:400}
.stt .facts th{width:9em;color:var(--quiet);overflow-wrap:normal}
.stt .wide-id th:first-child{width:38%}
.stt .tasks button.link{font-weight:400}
.stt .number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.stt .brief{white-space:nowrap}
.stt thead th.number{white-space:normal}
.stt .quiet{color:var(--quiet)}
.stt .zero{color:var(--quiet)}
.stt .succeeded{color:var(--good)}
.stt .failed,.stt .ignored,.stt .exhausted{color:var(--bad)}
.stt .in_progress,.stt .stuck{color:var(--warn)}
.stt button{font:inherit;cursor:pointer;border-radius:6px}
.stt button.link{color:var(--link);background:none;border:0;padding:0 1px;text-align:left;text-decoration:underline;
overflow-wrap:anywhere}
.stt button.act{color:var(--link);background:var(--back);border:1px solid var(--link);padding:4px 12px;font-weight:600}
.stt button:hover{background:var(--band)}
.stt a{color:var(--link);text-decoration:underline}
.stt :focus-visible{outline:3px solid var(--link);outline-offset:2px}
.stt input{font:inherit;font-weight:400;color:var(--text);background:var(--back);
border:1px solid var(--quiet);border-radius:6px;padding:4px 8px;width:100%}
.stt input::placeholder{color:var(--quiet);opacity:1}
.stt label{display:block;flex:1 1 16em;max-width:34em;font-weight:600;color:var(--text)}
.stt .row{align-items:end}
.stt .message{background:var(--note);border-left:4px solid var(--link);padding:8px 12px;margin:0 0 12px;
overflow-wrap:anywhere}
.stt .message.error{border-left-color:var(--bad)}
.stt pre{background:var(--band);color:var(--text);padding:8px 10px;margin:6px 0;overflow:auto;max-height:22em;
white-space:pre-wrap;overflow-wrap:anywhere;border-radius:4px;
font:12px/1.45 Menlo,Consolas,"DejaVu Sans Mono",monospace}
.stt summary{cursor:pointer;overflow-wrap:anywhere}
.stt summary .quiet{text-decoration:underline}
.stt details{margin:4px 0}
.stt.narrow{padding:8px;font-size:13px}
.stt.narrow th,.stt.narrow td{padding-right:6px}
.stt.narrow .facts th{width:6.5em}
.stt.narrow .brief{white-space:normal}
"""

// Answers that carry no page and no file, as in pkgindex/index/answers.py.

import folder from 'folder.js';

const FRESH = {
    'Cache-Control': 'private, no-cache',
    'Vary': 'Accept, Authorization, Accept-Encoding',
};
const FOREVER = {'Cache-Control': 'private, max-age=31536000, immutable', 'Vary': 'Authorization'};
const NO_SNIFFING = {'X-Content-Type-Options': 'nosniff'};
const SANDBOX = {'Content-Security-Policy': "sandbox; default-src 'none'"};
const CHALLENGE = {'WWW-Authenticate': 'Basic realm="package index", charset="UTF-8"'};

function busy(r) {
    refuse(r, 503, 'The index is busy, try again', {'Retry-After': '5'});
}

function unreadable(r) {
    refuse(r, 503, 'This file cannot be read now, try again', {'Retry-After': '5'});
}

function unauthorized(r, sentence) {
    refuse(r, 401, sentence, CHALLENGE);
}

function needsKey(r) {
    unauthorized(r, folder.read('catalog.json').needs_key);
}

function notFound(r) {
    refuse(r, 404, 'Not Found', {});
}

function move(r, path) {
    const args = r.variables.args;
    refuse(r, 301, 'Moved Permanently', {Location: args ? `${path}?${args}` : path});
}

function refuse(r, status, sentence, headers) {
    const kind = {'Content-Type': 'text/plain; charset=utf-8'};
    say(r, status, `${sentence}\n`, [kind, NO_SNIFFING, FRESH, headers]);
}

function say(r, status, body, groups) {
    r.status = status;
    groups.forEach(headers => {
        Object.keys(headers).forEach(name => { r.headersOut[name] = headers[name]; });
    });
    if (status != 304) {
        r.headersOut['Content-Length'] = `${Buffer.from(body).length}`;
    }
    r.sendHeader();
    if (body && r.method != 'HEAD') {
        r.send(body);
    }
    r.finish();
}

export default {
    FOREVER, FRESH, NO_SNIFFING, SANDBOX, busy, move, needsKey, notFound, refuse, say, unauthorized,
    unreadable,
};

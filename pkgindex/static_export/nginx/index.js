// Answers from the folder that `manage.py export_index` writes, under nginx's JavaScript module.
// What is where says pkgindex/static_export/content.py; which status who gets, pkgindex/index/app.py.
// Every sentence and every page was finished by the export. Written for njs 0.7.9 (Debian 12).

import answers from 'answers.js';
import folder from 'folder.js';
import keys from 'keys.js';
import negotiation from 'negotiation.js';

const TYPES = {
    metadata: 'text/plain; charset=utf-8',
    provenance: 'application/vnd.pypi.integrity.v1+json',
};

function answer(r) {
    if (r.method != 'GET' && r.method != 'HEAD') {
        return answers.refuse(r, 405, 'The index only answers GET and HEAD', {Allow: 'GET, HEAD'});
    }
    try {
        const found = keys.identify(r);
        if (found.wrong) {
            return answers.unauthorized(r, found.wrong);
        }
        route(r, found.reader);
    } catch (error) {
        r.error(`${r.uri}: ${error}`);
        answers.busy(r);
    }
}

function tooOften(r) {
    const why = keys.identify(r).wrong || 'The key is wrong';
    answers.refuse(r, 429, `${why}; too often, try again in a few minutes`, {'Retry-After': '1'});
}

// What limit_req counts: the address of whoever sends a wrong key, and nothing for all others.
function failing(r) {
    if (!r.headersIn.Authorization) {
        return '';
    }
    try {
        // Of IPv6 a whole /64 is one client.
        return keys.identify(r).wrong ? keys.addressOf(r).slice(0, 16) : '';
    } catch (error) {
        return '';  // the answer will be 503
    }
}

function route(r, reader) {
    let match = r.uri.match(/^\/simple\/([^\/]+)(\/?)$/);
    if (match) {
        return named(r, reader, match[1], match[2] == '/', '/simple/', '/');
    }
    match = r.uri.match(
        /^\/files\/([0-9a-f]{16})\/(?:[A-Za-z0-9.-]+\/)?([A-Za-z0-9][A-Za-z0-9._+!-]*?)(\.metadata)?$/);
    if (match) {
        return file(r, reader, match[1], match[2], match[3] ? 'metadata' : 'whole');
    }
    match = r.uri.match(/^\/integrity\/([^\/]+)\/([^\/]+)\/([^\/]+)\/provenance$/);
    if (match) {
        return provenance(r, reader, match[1], match[2], match[3]);
    }
    if (r.uri == '/simple/') {
        return simplePage(r, reader.root);
    }
    if (r.uri == '/simple') {
        return answers.move(r, '/simple/');
    }
    match = r.uri.match(/^\/pypi\/([^\/]+)\/json(\/?)$/);
    if (match) {
        return named(r, reader, match[1], match[2] == '', '/pypi/', '/json');
    }
    answers.notFound(r);
}

function named(r, reader, name, isExact, before, after) {
    if (!/^([a-z0-9]|[a-z0-9][a-z0-9._-]*[a-z0-9])$/i.test(name)) {
        return answers.notFound(r);
    }
    const normalized = name.replace(/[-_.]+/g, '-').toLowerCase();
    if (name != normalized || !isExact) {
        return answers.move(r, before + normalized + after);
    }
    const coverage = folder.own(reader.projects, name);
    if (coverage === undefined) {
        return foreignName(r, reader, name, before == '/simple/');
    }
    if (coverage === null) {
        return answers.needsKey(r);
    }
    const pages = folder.read(`coverages/${coverage}.json`);
    if (before == '/simple/') {
        return simplePage(r, pages.simple);
    }
    page(r, pages.legacy);
}

function foreignName(r, reader, name, maybePassedOn) {
    const catalog = folder.read('catalog.json');
    if (isReserved(catalog.reserved, name)) {
        return reader.isAnybody
            ? answers.needsKey(r) : answers.refuse(r, 402, `Nothing is published under ${name} yet`, {});
    }
    if (catalog.upstream && maybePassedOn) {
        const where = `${catalog.upstream}/${name}/`;
        return answers.refuse(r, 307, 'Temporary Redirect', {Location: where});
    }
    answers.notFound(r);
}

// Whether the owner reserved the name, or a prefix of it up to a hyphen.
function isReserved(reserved, name) {
    if (folder.own(reserved, name) !== undefined) {
        return true;
    }
    for (let end = name.indexOf('-'); end > 0; end = name.indexOf('-', end + 1)) {
        if (folder.own(reserved, name.slice(0, end)) === true) {
            return true;
        }
    }
    return false;
}

function simplePage(r, forms) {
    const form = negotiation.chooseForm(r);
    if (!form) {
        const spoken = negotiation.OFFERS.map(offer => offer[0]).join(', ');
        return answers.refuse(r, 406, `The index speaks ${spoken}`, {});
    }
    page(r, forms[form]);
}

function page(r, codings) {
    let coding = negotiation.chooseCoding(r.headersIn['Accept-Encoding'] || '');
    if (!codings[coding]) {
        coding = 'identity';
    }
    const tag = `"${codings[coding].split('.')[0]}"`;
    if (isKnown(r, tag)) {
        return answers.say(r, 304, '', [{ETag: tag}, answers.FRESH, answers.NO_SNIFFING, answers.SANDBOX]);
    }
    r.internalRedirect(`/-pages/${coding}/${codings[coding]}`);
}

function file(r, reader, digest, filename, part) {
    const facts = folder.readIfThere(`files/${filename}.json`);
    if (!facts || !facts.whole[0].startsWith(digest) || !facts[part]) {
        return answers.notFound(r);
    }
    ifCovered(r, reader, facts, filename, part);
}

function provenance(r, reader, project, version, filename) {
    const isName = /^[A-Za-z0-9][A-Za-z0-9._+!-]*$/.test(filename);
    const facts = isName && folder.readIfThere(`files/${filename}.json`);
    if (!facts || !facts.provenance || facts.project != project || facts.version != version) {
        return answers.notFound(r);
    }
    ifCovered(r, reader, facts, filename, 'provenance');
}

// A file or what lies beside it, if its reader may have the file.
function ifCovered(r, reader, facts, filename, part) {
    const name = folder.own(reader.projects, facts.project);
    if (name === null) {
        return answers.needsKey(r);
    }
    const coverage = folder.read(`coverages/${name}.json`);
    if (coverage.quarantine) {
        return answers.refuse(r, 403, coverage.quarantine, {});
    }
    const sentences = Object.keys(coverage.refused);
    for (let i = 0; i < sentences.length; i++) {
        if (coverage.refused[sentences[i]].includes(filename)) {
            return answers.refuse(r, 402, sentences[i], {});
        }
    }
    const beside = {
        whole: '',
        metadata: '.metadata',
        provenance: `.${facts[part][0].slice(0, 16)}.provenance`,
    };
    send(r, facts.path + beside[part], facts[part][0], facts[part][1]);
}

function send(r, path, sha256, size) {
    const tag = `"${sha256}"`;
    const headers = [{ETag: tag, 'Accept-Ranges': 'bytes'}, answers.FOREVER, answers.NO_SNIFFING, answers.SANDBOX];
    if (isKnown(r, tag)) {
        return answers.say(r, 304, '', headers);
    }
    const asked = askedPart(r, tag, size);
    if (asked == 'nothing') {
        const kind = TYPES[path.split('.').pop()] || 'application/octet-stream';
        headers.push({'Content-Type': kind, 'Content-Range': `bytes */${size}`});
        return answers.say(r, 416, '', headers);
    }
    r.internalRedirect(`/-${asked}/${sha256}/${path}`);
}

// "range", "nothing" if it lies outside, or "whole": for several ranges and for what cannot be
// read, too (RFC 9110, 14.2).
function askedPart(r, tag, size) {
    const range = r.headersIn.Range, ifRange = r.headersIn['If-Range'];
    if (r.method != 'GET' || !range || (ifRange !== undefined && ifRange.trim() != tag)) {
        return 'whole';
    }
    const match = range.trim().toLowerCase().match(/^bytes=([0-9]{0,18})-([0-9]{0,18})$/);
    if (!match || (!match[1] && !match[2])) {
        return 'whole';
    }
    if (!match[1]) {
        return Number(match[2]) && size ? 'range' : 'nothing';
    }
    if (match[2] && Number(match[2]) < Number(match[1])) {
        return 'whole';
    }
    return Number(match[1]) < size ? 'range' : 'nothing';
}

function isKnown(r, tag) {
    const known = r.headersIn['If-None-Match'];
    if (known === undefined) {
        return false;
    }
    const tags = known.split(',').map(item => item.trim().replace(/^W\//, ''));
    return tags.includes(tag) || tags.includes('*');
}

export default {
    answer, busy: answers.busy, failing, tooOften, unreadable: answers.unreadable,
};

// The folder that was exported.

import fs from 'fs';

const ROOT = '/srv/index';

function read(path) {
    return JSON.parse(fs.readFileSync(`${ROOT}/${path}`));
}

function readIfThere(path) {
    try {
        return read(path);
    } catch (error) {
        if (error.code == 'ENOENT' || error.code == 'ENAMETOOLONG') {
            return null;
        }
        throw error;
    }
}

// Of an object that was read: a name from outside may be "constructor".
function own(object, name) {
    return Object.prototype.hasOwnProperty.call(object, name) ? object[name] : undefined;
}

function hasZstd() {
    try {
        fs.accessSync(`${ROOT}/pages/zstd`);
        return true;
    } catch (error) {
        return false;
    }
}

export default {hasZstd, own, read, readIfThere};

#!/bin/bash -e
# Begins from the Lite image: this stage follows stage2 (STAGE_LIST="stage0 stage1 stage2 stage-piazza").
[ -d "${ROOTFS_DIR}" ] || copy_previous

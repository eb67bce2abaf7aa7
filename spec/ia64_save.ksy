meta:
  id: ia64_save
  title: Save image of Xen on Itanium (ia64)
  application: Xen
  file-extension: sav
  license: MIT OR Apache-2.0
  ks-version: '0.9'
  endian: le
doc: |
  The byte stream that Xen's toolstack wrote when it saved or migrated a domain on Itanium, in all of
  its dialects, with the envelopes of xend and xl around it.

  Clauses are those of ia64-save.md, which lies beside this file. The stream does not say which dialect
  it is in (2.2): a caller has to, by the first parameter. Rules that need more than one part at hand,
  such as which pages are RAM (4.4), are left to a checker.

  Bytes called `rest` or `padNNN` mean nothing (1.3); NNN is their offset in the structure.
doc-ref: ia64-save.md

params:
  - id: dialect
    type: u1
    enum: dialects
    doc: Which layout the stream has (12.1).
  - id: guest
    type: u1
    enum: guests
    doc: The kind of guest; the image's own flag decides unless one is named (2.3).

seq:
  - id: xend
    type: xend_header
    if: envelope == envelopes::xend
    doc: "xend file (13.1)"
  - id: xl
    type: xl_header
    if: envelope == envelopes::xl
    doc: "xl file (13.2)"
  - id: p2m_size
    type: u8
    doc: "pages of the physical-to-machine table (3.1); not to be allocated by"
  - id: version
    type: u8
    valid: expected_version
    doc: "version of the stream, compared over all 64 bits (3.2)"
  - id: arch_setup
    type:
      switch-on: dialect
      cases:
        dialects::d0: arch_setup_dom0_op
        _: arch_setup(has_vhpt)
    doc: "domain setup record, 48 bytes in D0, then 40 (3.3)"
  - id: memmap
    type: memmap
    if: expected_version >= 2
    doc: "memory map, versions 2 and 3 (4)"
  - id: checkpoints
    type: checkpoint
    repeat: until
    repeat-until: not _.has_next
    doc: "the saved state, then the rounds of a Remus save (2.1, 11.1)"
  - id: device_model
    type: device_model
    if: has_device_model
    doc: "what the device model left behind the stream (13.4)"
  - id: trailing
    size-eos: true
    doc: "bytes that belong to nobody (11.2)"

instances:
  d:
    value: dialect.to_i
    doc: Ten times the number of the dialect; 15 is D1b.
  expected_version:
    value: 'd < 70 ? 1 : (d < 110 ? 2 : 3)'
    doc: "the version word of the dialect (12.1)"
  has_vhpt:
    value: d >= 80
    doc: "byte 36 of the setup record is vhpt_size_log2 (3.3)"
  flags:
    value: 'dialect == dialects::d0 ? arch_setup.as<arch_setup_dom0_op>.flags : arch_setup.as<arch_setup>.flags'
  is_hvm:
    value: 'guest == guests::by_flags ? (flags & 1) == 1 : guest == guests::hvm'
    doc: "HVM exists from D8 on (2.3)"
  tail_kind:
    value: 'is_hvm ? 2 : (expected_version == 3 ? 1 : 0)'
    enum: tails
  context_layout:
    value: 'd < 20 ? 0 : (d < 40 ? 1 : (d < 50 ? 2 : (d < 60 ? 3 : (d < 90 ? 4 : (d < 100 ? 5 : 6)))))'
    enum: context_layouts
    doc: "the dialect's vcpu context (8.3)"
  mapped_regs_layout:
    value: 'd < 15 ? 1 : (d < 60 ? 3 : (d < 110 ? 4 : 5))'
    enum: mapped_regs_layouts
    doc: "the last layout that was in use while the dialect was written (8.10)"
  shared_info_layout:
    value: 'd < 20 ? 1 : 2'
    enum: shared_info_layouts
    doc: "the last layout that was in use while the dialect was written (9.1)"
  start_info_layout:
    value: 'd < 110 ? 1 : 2'
    enum: start_info_layouts
    doc: "the last layout that was in use while the dialect was written (9.3)"
  first_bytes:
    pos: 0
    size: 16
  envelope:
    value: >-
      first_bytes == [0x4c, 0x69, 0x6e, 0x75, 0x78, 0x47, 0x75, 0x65, 0x73, 0x74, 0x52, 0x65, 0x63, 0x6f, 0x72, 0x64] ? 1 :
      (first_bytes == [0x58, 0x65, 0x6e, 0x20, 0x73, 0x61, 0x76, 0x65, 0x64, 0x20, 0x64, 0x6f, 0x6d, 0x61, 0x69, 0x6e] ? 2 : 0)
    enum: envelopes
    doc: "LinuxGuestRecord, Xen saved domain, or the stream itself (13.1 to 13.3)"
  next_signature:
    pos: _io.pos
    size: 21
    type: str
    encoding: ISO-8859-1
    if: _io.size - _io.pos >= 21
    doc: Looked at behind the last checkpoint.
  has_device_model:
    value: >-
      _io.size - _io.pos >= 21 and (next_signature == "QemuDeviceModelRecord"
      or next_signature == "DeviceModelRecord0002" or next_signature == "RemusDeviceModelState")

enums:
  dialects:
    0: {id: d0, doc: "dev-20060711"}
    10: {id: d1, doc: "xen-3.0.3"}
    15: {id: d1b, doc: "xen-3.0.4, 3.1"}
    20: {id: d2, doc: "dev-20070507"}
    30: {id: d3, doc: "dev-20070524"}
    40: {id: d4, doc: "dev-20070531"}
    50: {id: d5, doc: "dev-20070615"}
    60: {id: d6, doc: "dev-20070702"}
    70: {id: d7, doc: "dev-20070906"}
    80: {id: d8, doc: "dev-20071021"}
    90: {id: d9, doc: "dev-20071030"}
    100: {id: d10, doc: "xen-3.2"}
    110: {id: d11, doc: "xen-3.3, 3.4, 4.0, 4.1"}
    120: {id: d12, doc: "dev-20110610"}
  guests:
    0: by_flags
    1: pv
    2: hvm
  envelopes:
    0: bare
    1: xend
    2: xl
  tails:
    0: pv_one
    1: pv_all
    2: hvm
  context_layouts:
    0: a
    1: b
    2: b2
    3: c
    4: d
    5: e
    6: f
  mapped_regs_layouts:
    1: {id: m1, doc: "3.0.3 and 3.0.4"}
    2: {id: m2, doc: "development tree of January 2007"}
    3: {id: m3, doc: "3.1"}
    4: {id: m4, doc: "3.2 and 3.3"}
    5: {id: m5, doc: "3.4 to 4.2"}
  shared_info_layouts:
    0: {id: s0, doc: "4128 bytes, before 3.0.3"}
    1: {id: s1, doc: "4384 bytes, 3.0.3 to 3.1"}
    2: {id: s2, doc: "4384 bytes with the memory map's address"}
  start_info_layouts:
    0: {id: i0, doc: "1152 bytes, console fields flat, before 3.0.3"}
    1: {id: i1, doc: "1152 bytes, 3.0.3 to 3.3"}
    2: {id: i2, doc: "1168 bytes, from 3.4"}
  efi_types:
    0: reserved_type
    1: loader_code
    2: loader_data
    3: boot_services_code
    4: boot_services_data
    5: runtime_services_code
    6: runtime_services_data
    7: conventional_memory
    8: unusable_memory
    9: acpi_reclaim_memory
    10: acpi_memory_nvs
    11: memory_mapped_io
    12: memory_mapped_io_port_space
    13: pal_code
  hvm_records:
    0: end
    1: header
    2: cpu
    3: vpd
    4: vlsapic
    5: vtime
    6: viosapic
    7: vacpi
    8: opt_feature_identity_mappings

types:
  xend_header:
    doc: "What xend wrote before the stream (13.1)."
    seq:
      - id: magic
        contents: LinuxGuestRecord
      - id: config_length
        type: s4be
        valid:
          min: 1
          max: 1048576
        doc: "bytes of configuration, big-endian; the limit is that of 14.1"
      - id: config
        size: config_length
        doc: "S-expression that begins with (domain"

  xl_header:
    doc: "What xl wrote before the stream (13.2)."
    seq:
      - id: magic
        contents: ["Xen saved domain, xl format", 0x0a, 0x20, 0x00, 0x20, 0x0d]
        doc: 32 bytes; a transfer as text damages the last five
      - id: byteorder
        type: u4
        valid:
          any-of: [0x01020304, 0x04030201]
        doc: "0x01020304 in the writer's order"
      - id: words
        type: xl_words(byteorder == 0x04030201)
    types:
      xl_words:
        meta:
          endian:
            switch-on: big
            cases:
              true: be
              _: le
        params:
          - id: big
            type: bool
        seq:
          - id: mandatory_flags
            type: u4
            valid: 0
            doc: "a reader must refuse an unknown bit; bit 1 means another stream"
          - id: optional_flags
            type: u4
            doc: a reader may ignore these
          - id: optional_data_len
            type: u4
            doc: bytes between the header and the stream
          - id: config_length
            type: u4
            if: optional_data_len >= 4
            valid:
              max: 1048576
            doc: "bytes of configuration; the limit is that of 14.1"
          - id: config
            size: config_length
            if: optional_data_len >= 4
            doc: configuration text
          - id: rest
            size: 'optional_data_len >= 4 ? optional_data_len - 4 - config_length : optional_data_len'

  device_model:
    doc: "State of the device model, opaque here (13.4)."
    seq:
      - id: signature
        size: 21
        type: str
        encoding: ASCII
      - id: length
        type: u4
        if: signature != "QemuDeviceModelRecord"
        doc: in the writer's order, which was little-endian on every host that is known
      - id: data
        size: 'signature == "QemuDeviceModelRecord" ? _io.size - _io.pos : length'

  arch_setup_dom0_op:
    doc: "The setup record of D0: 48 bytes, a domid first (3.3)."
    seq:
      - id: domain
        type: u2
        doc: "0"
      - id: pad2
        size: 6
      - id: flags
        type: u8
        doc: "2 for PV, 3 for HVM"
      - id: bp
        type: u8
        doc: "0"
      - id: maxmem
        type: u8
        doc: "0"
      - id: xsi_va
        type: u8
        doc: "guest address of shared_info"
      - id: hypercall_imm
        type: u4
        doc: "immediate of the break instruction that makes a hypercall"
      - id: pad44
        size: 4
        doc: uninitialised stack of the saver

  arch_setup:
    doc: "The setup record from D1 on: 40 bytes (3.3)."
    params:
      - id: has_vhpt
        type: bool
    seq:
      - id: flags
        type: u8
        doc: "bit 0 HVM, bit 1 query, bit 2 self-I/O emulation: 2 for PV, 3 for HVM"
      - id: bp
        type: u8
        doc: "0"
      - id: maxmem
        type: u8
        doc: "0 up to D2, then the end of conventional memory in bytes"
      - id: xsi_va
        type: u8
        doc: "guest address of shared_info"
      - id: hypercall_imm
        type: u4
        doc: "immediate of the break instruction that makes a hypercall"
      - id: vhpt_size_log2
        type: s1
        if: has_vhpt
        doc: "from D8: 0 default, -1 one table for all, else 15 to 25; may be garbage"
      - id: pad37
        size: 3
        if: has_vhpt
        doc: uninitialised stack of the saver
      - id: pad36
        size: 4
        if: not has_vhpt
        doc: uninitialised stack of the saver

  memmap:
    doc: "Memory map of versions 2 and 3 (4)."
    seq:
      - id: num_pages
        type: u4
        valid:
          min: 1
          max: 16
        doc: "1 (4.1); the limit is that of 14.1"
      - id: info
        size: num_pages * 16384
        type: memmap_info

  memmap_info:
    doc: "Header and descriptors of the memory map (4.2)."
    seq:
      - id: efi_memmap_size
        type: u8
        valid:
          max: _io.size - 24
        doc: "bytes of the descriptors, a positive multiple of efi_memdesc_size"
      - id: efi_memdesc_size
        type: u8
        valid:
          min: 40
        doc: "bytes from one descriptor to the next: 40"
      - id: efi_memdesc_version
        type: u4
        doc: "1"
      - id: pad20
        size: 4
      - id: descriptors
        size: efi_memdesc_size
        type: efi_memory_desc
        repeat: expr
        repeat-expr: efi_memmap_size / efi_memdesc_size
        doc: "in the guest's order, which need not ascend (4.3)"
      - id: rest
        size-eos: true
        doc: "what the page held, or memory of the saver (4.5)"

  efi_memory_desc:
    doc: "One range of guest physical memory (4.3)."
    seq:
      - id: type
        type: u4
        enum: efi_types
        doc: EFI memory type
      - id: pad
        size: 4
      - id: phys_addr
        type: u8
        doc: guest physical address
      - id: virt_addr
        type: u8
        doc: "0"
      - id: num_pages
        type: u8
        doc: pages of 4096 bytes
      - id: attribute
        type: u8
        doc: EFI attribute bits; 8 is write-back
      - id: rest
        size-eos: true
    instances:
      is_ram:
        value: type == efi_types::conventional_memory and attribute == 8 and num_pages != 0
        doc: "whether pages of it are sent (4.4)"
      first_pfn:
        value: phys_addr / 16384
      end_pfn:
        value: (phys_addr + num_pages * 4096) / 16384

  checkpoint:
    doc: "Pages and all other state (2.1); from the second on, a round of a Remus save (11.1)."
    seq:
      - id: pages
        type: page_record
        repeat: until
        repeat-until: _.is_terminator
        doc: "records in the order they were sent; the last one of a gmfn counts (5.2)"
      - id: unallocated
        type: unallocated
      - id: tail
        type:
          switch-on: _root.tail_kind
          cases:
            tails::pv_one: tail_pv_one
            tails::pv_all: tail_pv_all
            tails::hvm: tail_hvm
    instances:
      left:
        value: _io.size - _io.pos
        doc: Looked at behind the tail, as are the next two.
      next_gmfn:
        pos: _io.pos
        type: u8
        if: left >= 8
      second_gmfn:
        pos: _io.pos + 16392
        type: u8
        if: left >= 16400
      has_next:
        value: >-
          _root.d >= 110 and left >= 8 and (next_gmfn == 0xffffffffffffffff or (left >= 16400
          and next_gmfn < _root.p2m_size and (second_gmfn == 0xffffffffffffffff or next_gmfn < second_gmfn)))
        doc: |
          Nothing marks a round (11.1): it is told by a terminator, or by two gmfns that ascend. Whether
          they are RAM, and in which order the map has them, is not looked at here.

  page_record:
    doc: "A page of the guest (5.1), or the end of the pages (5.3)."
    seq:
      - id: gmfn
        type: u8
        doc: "guest frame number; ~0 is the terminator"
      - id: page
        size: 16384
        type: guest_page
        if: not is_terminator
    instances:
      is_terminator:
        value: gmfn == 0xffffffffffffffff

  guest_page:
    doc: "Memory of the guest. What is in a page depends on which one it is."
    instances:
      start_info:
        pos: 0
        type: start_info(_root.start_info_layout)
        doc: "where the gmfn is arch.start_info_pfn of shared_info (9.3)"
      boot_param:
        pos: '_root.start_info_layout == start_info_layouts::i2 ? 1168 : 1152'
        type: boot_param
        doc: "behind start_info (9.3)"

  unallocated:
    doc: "RAM that has no page at the end (6)."
    seq:
      - id: count
        type: u4
        doc: "not to be allocated by (6.1)"
      - id: pfns
        type: u8
        repeat: expr
        repeat-expr: count
        doc: "in the order of the pages (6.2)"

  tail_pv_one:
    doc: "PV, versions 1 and 2: vcpu 0 alone (7.1)."
    seq:
      - id: vcpus
        type: vcpu(_index, true)
        repeat: expr
        repeat-expr: 1
      - id: shared_info
        size: 16384
        type: shared_info(_root.shared_info_layout)

  tail_pv_all:
    doc: "PV, version 3: every online vcpu (7.2)."
    seq:
      - id: vcpumap
        type: vcpumap
      - id: vcpus
        type: vcpu(_index, true)
        repeat: expr
        repeat-expr: vcpumap.max_virt_cpus
        doc: "one for each bit of the map, empty where the vcpu is offline"
      - id: shared_info
        size: 16384
        type: shared_info(_root.shared_info_layout)

  tail_hvm:
    doc: "HVM: no privregs pages (10.1)."
    seq:
      - id: shared_info
        size: 16384
        type: shared_info(_root.shared_info_layout)
      - id: vcpumap
        type: vcpumap
      - id: vcpus
        type: vcpu(_index, false)
        repeat: expr
        repeat-expr: vcpumap.max_virt_cpus
        doc: "one for each bit of the map, empty where the vcpu is offline"
      - id: magic_pfns
        type:
          switch-on: _root.d >= 100
          cases:
            true: magic_pfns_4
            false: magic_pfns_3
      - id: hvm_context
        type: hvm_context

  vcpumap:
    doc: "Which vcpus follow (8.1, 8.2)."
    seq:
      - id: max_virt_cpus
        type: u8
        valid:
          max: 4096
        doc: "64 in every image (8.1); the limit is that of 14.1"
      - id: bitmap
        type: u1
        repeat: expr
        repeat-expr: '_root.d >= 120 ? (max_virt_cpus + 63) / 64 * 8 : (max_virt_cpus + 8) / 8'
        doc: "vcpu i is bit i mod 8 of byte i / 8; 9 bytes for 64, in D12 8 (8.2)"

  vcpu:
    doc: "One vcpu, with nothing in it where the map says that it is offline."
    params:
      - id: index
        type: u4
      - id: has_privregs
        type: bool
    seq:
      - id: context
        type:
          switch-on: _root.context_layout == context_layouts::a
          cases:
            true: vcpu_context_a
            false: vcpu_context(_root.context_layout)
        if: online
        doc: "registers (8.3)"
      - id: privregs
        size: 16384
        type: privregs(_root.mapped_regs_layout)
        if: online and has_privregs
        doc: "PV only (8.10)"
    instances:
      online_in_all:
        value: '(_parent.as<tail_pv_all>.vcpumap.bitmap[index / 8] >> (index % 8)) & 1 == 1'
      online_in_hvm:
        value: '(_parent.as<tail_hvm>.vcpumap.bitmap[index / 8] >> (index % 8)) & 1 == 1'
      online:
        value: '_root.tail_kind == tails::pv_one ? true : (_root.tail_kind == tails::pv_all ? online_in_all : online_in_hvm)'

  vcpu_context_a:
    doc: "Context A, 1056 bytes: the trap frame of the hypervisor and a few virtual registers (8.3)."
    seq:
      - id: flags
        type: u8
        doc: "garbage; a restore replaces it (8.4)"
      - id: pad8
        size: 8
      - id: user_regs
        type: user_regs
      - id: extra_regs
        type: extra_regs
      - id: privregs_pfn
        type: u8
        doc: "gpfn of the privregs page from D1b on, before that a machine frame (8.10)"

  user_regs:
    doc: "Trap frame of the hypervisor, 496 bytes (8.3)."
    seq:
      - id: b6
        type: u8
        doc: branch register 6
      - id: b7
        type: u8
        doc: branch register 7
      - id: ar_csd
        type: u8
        doc: "AR.CSD: IA-32 code segment; high half of 16-byte atomics"
      - id: ar_ssd
        type: u8
        doc: "AR.SSD: IA-32 stack segment"
      - id: r8
        type: u8
        doc: general register 8
      - id: r9
        type: u8
        doc: general register 9
      - id: r10
        type: u8
        doc: general register 10
      - id: r11
        type: u8
        doc: general register 11
      - id: cr_ipsr
        type: u8
        doc: "psr of the machine while the guest ran, not the psr that the guest sees"
      - id: cr_iip
        type: u8
        doc: instruction pointer
      - id: cr_ifs
        type: u8
        doc: "frame marker (bits 0 to 37), valid in bit 63"
      - id: ar_unat
        type: u8
        doc: "AR.UNAT: NaT bits of spilled general registers"
      - id: ar_pfs
        type: u8
        doc: "AR.PFS: frame marker and ec of the caller"
      - id: ar_rsc
        type: u8
        doc: "AR.RSC: register stack configuration"
      - id: ar_rnat
        type: u8
        doc: "AR.RNAT: NaT bits of the registers being spilled"
      - id: ar_bspstore
        type: u8
        doc: "AR.BSPSTORE: backing store address of the next register to spill"
      - id: pr
        type: u8
        doc: predicate registers
      - id: b0
        type: u8
        doc: branch register 0
      - id: loadrs
        type: u8
        doc: "bytes of dirty stacked registers, shifted left by 16; the registers themselves are not saved"
      - id: r1
        type: u8
        doc: general register 1
      - id: r12
        type: u8
        doc: general register 12
      - id: r13
        type: u8
        doc: general register 13
      - id: ar_fpsr
        type: u8
        doc: "AR.FPSR: floating-point status"
      - id: r15
        type: u8
        doc: general register 15
      - id: r14
        type: u8
        doc: general register 14
      - id: r2
        type: u8
        doc: general register 2
      - id: r3
        type: u8
        doc: general register 3
      - id: r16
        type: u8
        doc: general register 16
      - id: r17
        type: u8
        doc: general register 17
      - id: r18
        type: u8
        doc: general register 18
      - id: r19
        type: u8
        doc: general register 19
      - id: r20
        type: u8
        doc: general register 20
      - id: r21
        type: u8
        doc: general register 21
      - id: r22
        type: u8
        doc: general register 22
      - id: r23
        type: u8
        doc: general register 23
      - id: r24
        type: u8
        doc: general register 24
      - id: r25
        type: u8
        doc: general register 25
      - id: r26
        type: u8
        doc: general register 26
      - id: r27
        type: u8
        doc: general register 27
      - id: r28
        type: u8
        doc: general register 28
      - id: r29
        type: u8
        doc: general register 29
      - id: r30
        type: u8
        doc: general register 30
      - id: r31
        type: u8
        doc: general register 31
      - id: ar_ccv
        type: u8
        doc: "AR.CCV: compare-and-exchange compare value"
      - id: f6
        type: fpreg
        doc: significand; then exponent in bits 0 to 16 and sign in 17
      - id: f7
        type: fpreg
        doc: significand; then exponent in bits 0 to 16 and sign in 17
      - id: f8
        type: fpreg
        doc: significand; then exponent in bits 0 to 16 and sign in 17
      - id: f9
        type: fpreg
        doc: significand; then exponent in bits 0 to 16 and sign in 17
      - id: f10
        type: fpreg
        doc: significand; then exponent in bits 0 to 16 and sign in 17
      - id: f11
        type: fpreg
        doc: significand; then exponent in bits 0 to 16 and sign in 17
      - id: r4
        type: u8
        doc: general register 4
      - id: r5
        type: u8
        doc: general register 5
      - id: r6
        type: u8
        doc: general register 6
      - id: r7
        type: u8
        doc: general register 7
      - id: eml_unat
        type: u8
        doc: "NaT bits of the general registers of this frame, at bit (address of the register / 8) modulo 64"
      - id: pad0
        size: 8
        doc: alignment

  extra_regs:
    doc: "Translation registers and virtual registers of context A, 536 bytes."
    seq:
      - id: itrs
        type: tr_entry
        repeat: expr
        repeat-expr: 8
        doc: "instruction translation registers (8.8)"
      - id: dtrs
        type: tr_entry
        repeat: expr
        repeat-expr: 8
        doc: "data translation registers (8.8)"
      - id: iva
        type: u8
        doc: "CR.IVA that the guest sees"
      - id: dcr
        type: u8
        doc: "CR.DCR that the guest sees"
      - id: event_callback_ip
        type: u8
        doc: "guest entry point for events (8.11)"

  vcpu_context:
    doc: "Contexts B to F (8.3)."
    params:
      - id: layout
        type: u1
        enum: context_layouts
    seq:
      - id: flags
        type: u8
        doc: "a restore replaces it (8.4)"
      - id: pad8
        size: 8
      - id: regs
        type: vcpu_regs(layout)
      - id: event_callback_ip
        type: u8
        doc: "guest entry point for events (8.11)"
      - id: privregs_pfn
        type: u8
        doc: "0x4000001 + vcpu for PV, 1 for HVM; a restore does not use it (8.10)"

  vcpu_regs:
    doc: "Registers of contexts B to F (8.3)."
    params:
      - id: layout
        type: u1
        enum: context_layouts
    seq:
      - id: r
        type: u8
        repeat: expr
        repeat-expr: 32
        doc: "r0 to r31, r16 to r31 of the active bank"
      - id: b
        type: u8
        repeat: expr
        repeat-expr: 8
        doc: "branch registers; b0, b6 and b7 travel (8.9)"
      - id: bank
        type: u8
        repeat: expr
        repeat-expr: 16
        doc: "r16 to r31 of the inactive bank; ignored for PV (8.9)"
      - id: ip
        type: u8
        doc: "address of the bundle; the slot is psr.ri (8.5)"
      - id: psr
        type: u8
        doc: "processor status (8.5)"
      - id: cfm
        type: u8
        doc: "frame marker, bit 63 as in cr.ifs (8.6)"
      - id: pr
        type: u8
        doc: predicate registers
      - id: nats_64
        type: u8
        if: layout == context_layouts::b or layout == context_layouts::b2
        doc: "NaT bits of the general registers, 64 bits wide in B and B2 (8.3)"
      - id: nats
        type: u4
        if: has_split_nats
        doc: "NaT bits of the general registers (8.9)"
      - id: bnats
        type: u4
        if: has_split_nats
        doc: "NaT bits of the inactive bank"
      - id: ar
        size: 1024
        type: ar_regs
        doc: application registers
      - id: cr
        size: 1024
        type: cr_regs
        doc: control registers
      - id: pad2536
        size: 8
      - id: f
        type: fpreg
        repeat: expr
        repeat-expr: 128
        doc: "f0 to f127; f2 on travel, up to D7 f6 to f11 (8.9)"
      - id: dbr
        type: u8
        repeat: expr
        repeat-expr: 8
        doc: data breakpoint registers
      - id: ibr
        type: u8
        repeat: expr
        repeat-expr: 8
        doc: instruction breakpoint registers
      - id: rr
        type: u8
        repeat: expr
        repeat-expr: 8
        doc: "region registers; 0 is not set (8.8)"
      - id: pkr
        type: u8
        repeat: expr
        repeat-expr: 16
        doc: never filled
      - id: xip
        type: u8
        doc: never filled
      - id: xpsr
        type: u8
        doc: never filled
      - id: xfs
        type: u8
        doc: never filled
      - id: xr
        type: u8
        repeat: expr
        repeat-expr: 4
        doc: never filled
      - id: tr
        type: 'tr_regs(has_twelve_trs ? 12 : 8)'
        doc: "translation registers (8.8)"
      - id: pad5480
        size: 8
        if: layout == context_layouts::b2
      - id: excp_iipa
        type: u8
        if: has_excp
        doc: never filled
      - id: excp_ifa
        type: u8
        if: has_twelve_trs
        doc: never filled
      - id: excp_isr
        type: u8
        if: has_excp
        doc: never filled
      - id: excp_vector
        type: u4
        if: has_excp
        doc: never filled
      - id: rbs_voff
        type: u4
        if: has_excp
        doc: "slot of the first word of rbs in a NaT collection (8.7)"
      - id: rbs
        type: u8
        repeat: expr
        repeat-expr: 2048
        if: layout != context_layouts::b2
        doc: "dirty stacked registers with their NaT collections (8.7)"
      - id: rbs_nat
        type: u8
        if: layout == context_layouts::c or layout == context_layouts::d or layout == context_layouts::e
        doc: never used
      - id: rbs_rnat
        type: u8
        if: has_excp
        doc: "NaT collection of the topmost group (8.7)"
      - id: num_phys_stacked
        type: u8
        if: layout == context_layouts::f
        doc: "stacked registers of the saving processor, 96; 0 unknown (8.7)"
      - id: pad21864
        size: 8
        if: layout == context_layouts::b
      - id: pad22168
        size: 8
        if: has_twelve_trs
    instances:
      has_split_nats:
        value: layout.to_i >= 3
      has_excp:
        value: layout.to_i >= 4
      has_twelve_trs:
        value: layout.to_i >= 5

  ar_regs:
    doc: "Application registers, 1024 bytes."
    seq:
      - id: kr
        type: u8
        repeat: expr
        repeat-expr: 8
        doc: "kernel registers; HVM only, a PV domain has them in its privregs page"
      - id: rsv1
        size: 64
        doc: "unassigned numbers, 0"
      - id: rsc
        type: u8
        doc: register stack configuration
      - id: bsp
        type: u8
        doc: "top of the register stack backing store: bspstore advanced by the dirty registers"
      - id: bspstore
        type: u8
        doc: backing store address of the next register to spill
      - id: rnat
        type: u8
        doc: NaT bits of the registers being spilled
      - id: rsv2
        size: 8
        doc: "unassigned numbers, 0"
      - id: fcr
        type: u8
        doc: IA-32 floating-point control
      - id: rsv3
        size: 16
        doc: "unassigned numbers, 0"
      - id: eflag
        type: u8
        doc: IA-32 EFLAG
      - id: csd
        type: u8
        doc: IA-32 code segment; high half of 16-byte atomics
      - id: ssd
        type: u8
        doc: IA-32 stack segment
      - id: cflg
        type: u8
        doc: IA-32 CR0 and CR4
      - id: fsr
        type: u8
        doc: IA-32 floating-point status
      - id: fir
        type: u8
        doc: IA-32 floating-point instruction
      - id: fdr
        type: u8
        doc: IA-32 floating-point data
      - id: rsv4
        size: 8
        doc: "unassigned numbers, 0"
      - id: ccv
        type: u8
        doc: compare-and-exchange compare value
      - id: rsv5
        size: 24
        doc: "unassigned numbers, 0"
      - id: unat
        type: u8
        doc: NaT bits of spilled general registers
      - id: rsv6
        size: 24
        doc: "unassigned numbers, 0"
      - id: fpsr
        type: u8
        doc: floating-point status
      - id: rsv7
        size: 24
        doc: "unassigned numbers, 0"
      - id: itc
        type: u8
        doc: "interval counter, cycles; PV from 3.4 on, else 0"
      - id: rsv8
        size: 24
        doc: "unassigned numbers, 0"
      - id: ign1
        size: 128
        doc: "unassigned numbers, 0"
      - id: pfs
        type: u8
        doc: frame marker and ec of the caller
      - id: lc
        type: u8
        doc: loop count
      - id: ec
        type: u8
        doc: "epilogue count, 6 bits"
      - id: rsv9
        size: 360
        doc: "unassigned numbers, 0"
      - id: ign2
        size: 128
        doc: "unassigned numbers, 0"
    instances:
      by_number:
        pos: 0
        type: u8
        repeat: expr
        repeat-expr: 128

  cr_regs:
    doc: "Control registers, 1024 bytes; ignored for PV but for iva (8.9)."
    seq:
      - id: dcr
        type: u8
        doc: default control
      - id: itm
        type: u8
        doc: "interval timer match, cycles"
      - id: iva
        type: u8
        doc: interruption vector address
      - id: rsv1
        size: 40
        doc: "unassigned numbers, 0"
      - id: pta
        type: u8
        doc: page table address and format
      - id: rsv2
        size: 56
        doc: "unassigned numbers, 0"
      - id: ipsr
        type: u8
        doc: psr at the interruption
      - id: isr
        type: u8
        doc: interruption status
      - id: rsv3
        size: 8
        doc: "unassigned numbers, 0"
      - id: iip
        type: u8
        doc: instruction pointer at the interruption
      - id: ifa
        type: u8
        doc: address that faulted
      - id: itir
        type: u8
        doc: page size and key for the next TLB insertion
      - id: iipa
        type: u8
        doc: address of the last bundle that completed
      - id: ifs
        type: u8
        doc: frame marker at the interruption
      - id: iim
        type: u8
        doc: immediate of the break instruction
      - id: iha
        type: u8
        doc: hash address for the faulting address
      - id: rsv4
        size: 304
        doc: "unassigned numbers, 0"
      - id: lid
        type: u8
        doc: local interrupt id
      - id: ivr
        type: u8
        doc: highest pending vector
      - id: tpr
        type: u8
        doc: task priority
      - id: eoi
        type: u8
        doc: end of interrupt
      - id: irr
        type: u8
        repeat: expr
        repeat-expr: 4
        doc: "pending vectors, 256 bits"
      - id: itv
        type: u8
        doc: vector of the interval timer
      - id: pmv
        type: u8
        doc: vector of the performance monitor
      - id: cmcv
        type: u8
        doc: vector of corrected machine checks
      - id: rsv5
        size: 40
        doc: "unassigned numbers, 0"
      - id: lrr0
        type: u8
        doc: local redirection 0
      - id: lrr1
        type: u8
        doc: local redirection 1
      - id: rsv6
        size: 368
        doc: "unassigned numbers, 0"
    instances:
      by_number:
        pos: 0
        type: u8
        repeat: expr
        repeat-expr: 128

  fpreg:
    doc: "A floating-point register as it is spilled: mantissa, then sign and exponent."
    seq:
      - id: bits
        type: u8
        repeat: expr
        repeat-expr: 2

  tr_regs:
    doc: "Translation registers, instruction first (8.8)."
    params:
      - id: count
        type: u4
    seq:
      - id: itrs
        type: tr_entry
        repeat: expr
        repeat-expr: count
      - id: dtrs
        type: tr_entry
        repeat: expr
        repeat-expr: count

  tr_entry:
    doc: "One translation register, 32 bytes (8.8)."
    seq:
      - id: pte
        type: u8
        doc: "empty where bit 0 is clear"
      - id: itir
        type: u8
        doc: "page size 7:2, key 31:8"
      - id: vadr
        type: u8
        doc: virtual address
      - id: rid
        type: u8
        doc: region id

  privregs:
    doc: "A privregs page: registers that a PV guest shares with the hypervisor (8.10)."
    params:
      - id: layout
        type: u1
        enum: mapped_regs_layouts
    seq:
      - id: regs
        size: 4096
        type: mapped_regs(layout)
      - id: rest
        size-eos: true

  mapped_regs:
    doc: "4096 bytes, which also begin the VPD of an HVM vcpu (8.10, 10.6)."
    params:
      - id: layout
        type: u1
        enum: mapped_regs_layouts
    seq:
      - id: vac
        type: vac
        doc: "virtualisation acceleration control: which instructions PAL runs without leaving the guest"
      - id: vdc
        type: vdc
        doc: "virtualisation disable control: which registers the guest reaches itself"
      - id: virt_env_vaddr
        type: u8
        doc: host address of the buffer that the hypervisor gave to PAL
      - id: reserved1
        size: 232
      - id: vhpi
        type: u8
        doc: highest priority pending interrupt
      - id: reserved2
        size: 760
      - id: vgr
        type: u8
        repeat: expr
        repeat-expr: 16
        doc: r16 to r31 of bank 1 while bank 0 is active
      - id: vbgr
        type: u8
        repeat: expr
        repeat-expr: 16
        doc: r16 to r31 of bank 0 while bank 1 is active
      - id: vnat
        type: u8
        doc: NaT bits of vgr
      - id: vbnat
        type: u8
        doc: NaT bits of vbgr
      - id: vcpuid
        type: u8
        repeat: expr
        repeat-expr: 5
        doc: CPUID registers 0 to 4 that the guest sees
      - id: reserved3
        size: 88
      - id: vpsr
        type: u8
        doc: psr that the guest sees (HVM)
      - id: vpr
        type: u8
        doc: predicates that the guest sees
      - id: reserved4
        size: 608
      - id: dcr
        type: u8
        doc: "CR.DCR that the guest sees: default control"
      - id: itm
        type: u8
        doc: "CR.ITM that the guest sees: interval timer match, cycles"
      - id: iva
        type: u8
        doc: "CR.IVA that the guest sees: interruption vector address"
      - id: rsv1
        size: 40
        doc: unassigned control register numbers
      - id: pta
        type: u8
        doc: "CR.PTA that the guest sees: page table address and format"
      - id: rsv2
        size: 56
        doc: unassigned control register numbers
      - id: ipsr
        type: u8
        doc: "CR.IPSR that the guest sees: psr at the interruption"
      - id: isr
        type: u8
        doc: "CR.ISR that the guest sees: interruption status"
      - id: rsv3
        size: 8
        doc: unassigned control register numbers
      - id: iip
        type: u8
        doc: "CR.IIP that the guest sees: instruction pointer at the interruption"
      - id: ifa
        type: u8
        doc: "CR.IFA that the guest sees: address that faulted"
      - id: itir
        type: u8
        doc: "CR.ITIR that the guest sees: page size and key for the next TLB insertion"
      - id: iipa
        type: u8
        doc: "CR.IIPA that the guest sees: address of the last bundle that completed"
      - id: ifs
        type: u8
        doc: "CR.IFS that the guest sees: frame marker at the interruption"
      - id: iim
        type: u8
        doc: "CR.IIM that the guest sees: immediate of the break instruction"
      - id: iha
        type: u8
        doc: "CR.IHA that the guest sees: hash address for the faulting address"
      - id: rsv4
        size: 304
        doc: unassigned control register numbers
      - id: lid
        type: u8
        doc: "CR.LID that the guest sees: local interrupt id"
      - id: ivr
        type: u8
        doc: "CR.IVR that the guest sees: highest pending vector"
      - id: tpr
        type: u8
        doc: "CR.TPR that the guest sees: task priority"
      - id: eoi
        type: u8
        doc: "CR.EOI that the guest sees: end of interrupt"
      - id: irr
        type: u8
        repeat: expr
        repeat-expr: 4
        doc: "CR.IRR that the guest sees: pending vectors, 256 bits"
      - id: itv
        type: u8
        doc: "CR.ITV that the guest sees: vector of the interval timer"
      - id: pmv
        type: u8
        doc: "CR.PMV that the guest sees: vector of the performance monitor"
      - id: cmcv
        type: u8
        doc: "CR.CMCV that the guest sees: vector of corrected machine checks"
      - id: rsv5
        size: 40
        doc: unassigned control register numbers
      - id: lrr0
        type: u8
        doc: "CR.LRR0 that the guest sees: local redirection 0"
      - id: lrr1
        type: u8
        doc: "CR.LRR1 that the guest sees: local redirection 1"
      - id: rsv6
        size: 368
        doc: unassigned control register numbers
      - id: precover_ifs
        type: u8
        doc: "PV: frame marker before a cover"
      - id: unat
        type: u8
        doc: "PV: AR.UNAT"
      - id: interrupt_collection_enabled
        type: s4
        doc: "PV: psr.ic that the guest sees"
      - id: pad3092
        size: 4
      - id: interrupt_mask_addr
        type: u8
        doc: guest virtual address of the evtchn_upcall_mask of the vcpu
      - id: pending_interruption
        type: s4
        doc: "PV: an interruption waits"
      - id: incomplete_regframe
        type: s4
        if: layout == mapped_regs_layouts::m1
        doc: "PV: the register frame is incomplete"
      - id: vpsr_pp
        type: u1
        doc: psr.pp that the guest sees
      - id: vpsr_dfh
        type: u1
        if: has_dfh
        doc: psr.dfh that the guest sees
      - id: hpsr_dfh
        type: u1
        if: has_dfh
        doc: psr.dfh of the machine
      - id: hpsr_mfh
        type: u1
        if: has_dfh
        doc: psr.mfh of the machine
      - id: reserved5_2
        size: 'layout == mapped_regs_layouts::m1 ? 7 : 3'
        if: not has_dfh
      - id: reserved5_1
        size: 'layout == mapped_regs_layouts::m1 ? 24 : 32'
      - id: metaphysical_mode
        type: s4
        doc: 1 while the guest uses physical addresses
      - id: banknum
        type: s4
        doc: active register bank
      - id: rrs
        type: u8
        repeat: expr
        repeat-expr: 8
        doc: "PV: region registers that the guest sees"
      - id: krs
        type: u8
        repeat: expr
        repeat-expr: 8
        doc: "PV: kernel registers that the guest sees"
      - id: pkrs
        type: u8
        repeat: expr
        repeat-expr: 8
        if: has_pkrs
        doc: "PV: protection keys"
      - id: tmp
        type: u8
        repeat: expr
        repeat-expr: 'has_pkrs ? 8 : 16'
        doc: scratch of the hypervisor
      - id: itc_offset
        type: u8
        if: layout == mapped_regs_layouts::m5
        doc: "PV: cycles between the machine's counter and the guest's"
      - id: itc_last
        type: u8
        if: layout == mapped_regs_layouts::m5
        doc: "PV: counter last shown to the guest"
      - id: pad3408
        size: 688
        if: layout != mapped_regs_layouts::m5
      - id: pad3424
        size: 672
        if: layout == mapped_regs_layouts::m5
    instances:
      has_dfh:
        value: layout.to_i >= 3
      has_pkrs:
        value: layout.to_i <= 3
      vcr:
        pos: 2048
        type: u8
        repeat: expr
        repeat-expr: 128
        doc: "control registers that the guest sees, by number"

  vac:
    doc: Virtualisation acceleration control.
    seq:
      - id: value
        type: u8
    instances:
      a_int:
        value: '(value >> 0) & 1 == 1'
      a_from_int_cr:
        value: '(value >> 1) & 1 == 1'
      a_to_int_cr:
        value: '(value >> 2) & 1 == 1'
      a_from_psr:
        value: '(value >> 3) & 1 == 1'
      a_from_cpuid:
        value: '(value >> 4) & 1 == 1'
      a_cover:
        value: '(value >> 5) & 1 == 1'
      a_bsw:
        value: '(value >> 6) & 1 == 1'

  vdc:
    doc: Virtualisation disable control.
    seq:
      - id: value
        type: u8
    instances:
      d_vmsw:
        value: '(value >> 0) & 1 == 1'
      d_extint:
        value: '(value >> 1) & 1 == 1'
      d_ibr_dbr:
        value: '(value >> 2) & 1 == 1'
      d_pmc:
        value: '(value >> 3) & 1 == 1'
      d_to_pmd:
        value: '(value >> 4) & 1 == 1'
      d_itm:
        value: '(value >> 5) & 1 == 1'

  shared_info:
    doc: "The page that a domain shares with the hypervisor (9.1)."
    params:
      - id: layout
        type: u1
        enum: shared_info_layouts
    seq:
      - id: vcpu_info
        type: vcpu_info
        repeat: expr
        repeat-expr: 64
      - id: evtchn_pending
        type: u8
        repeat: expr
        repeat-expr: 64
        doc: a restore zeroes it
      - id: evtchn_mask
        type: u8
        repeat: expr
        repeat-expr: 64
        doc: kept by a restore
      - id: wc_version
        type: u4
        doc: odd while the wall clock is updated
      - id: wc_sec
        type: u4
        doc: wall clock at boot, seconds since 1970
      - id: wc_nsec
        type: u4
        doc: nanoseconds within the second
      - id: pad4108
        size: 4
      - id: arch
        type: arch_shared_info(layout)
      - id: rest
        size-eos: true

  vcpu_info:
    doc: "Event state and clock of a vcpu, 48 bytes (9.1)."
    seq:
      - id: evtchn_upcall_pending
        type: u1
        doc: 1 while an event waits
      - id: evtchn_upcall_mask
        type: u1
        doc: 1 while the vcpu takes no events
      - id: pad2
        size: 6
      - id: evtchn_pending_sel
        type: u8
        doc: one bit for each word of evtchn_pending
      - id: time
        type: vcpu_time_info

  vcpu_time_info:
    doc: "The clock of a vcpu, 32 bytes."
    seq:
      - id: version
        type: u4
        doc: odd while it is updated
      - id: pad0
        size: 4
      - id: tsc_timestamp
        type: u8
        doc: cycle counter at system_time
      - id: system_time
        type: u8
        doc: nanoseconds since boot
      - id: tsc_to_system_mul
        type: u4
        doc: nanoseconds per cycle, as a fraction of 2^32
      - id: tsc_shift
        type: s1
        doc: binary places to shift cycles by
      - id: pad1
        size: 3

  arch_shared_info:
    doc: "The part that only ia64 has (9.2)."
    params:
      - id: layout
        type: u1
        enum: shared_info_layouts
    seq:
      - id: start_info_pfn
        type: u8
        doc: "PV: gpfn of start_info; HVM: 0"
      - id: evtchn_vector
        type: s4
        doc: interrupt vector that announces events
      - id: pad12
        size: 4
        if: layout != shared_info_layouts::s2
      - id: memmap_info_num_pages
        type: u4
        if: layout == shared_info_layouts::s2
        doc: pages of the memory map
      - id: memmap_info_pfn
        type: u8
        if: layout == shared_info_layouts::s2
        doc: where the guest keeps its map
      - id: pad
        size: 'layout == shared_info_layouts::s2 ? 248 : 256'
        if: layout != shared_info_layouts::s0

  start_info:
    doc: "Where a PV kernel finds its resources (9.3)."
    params:
      - id: layout
        type: u1
        enum: start_info_layouts
    seq:
      - id: magic
        size: 32
        terminator: 0
        doc: "name of the interface: xen-3.0-ia64, or xen-3.0-ia64be for a big-endian guest"
      - id: nr_pages
        type: u8
        doc: memory of the domain in pages of 16384 bytes; a restore sets it to p2m_size
      - id: shared_info
        type: u8
        doc: machine address of shared_info; a restore sets it
      - id: flags
        type: u4
        doc: "set of SIF_* bits; a restore sets it to 0"
      - id: pad52
        size: 4
      - id: store_mfn
        type: u8
        doc: gpfn of the xenstore ring; a restore reports it
      - id: store_evtchn
        type: u4
        doc: event channel port of xenstore; a restore sets it
      - id: pad68
        size: 4
      - id: console
        type: console
        doc: "in layout I0 two fields, console_mfn and console_evtchn, with the same bytes"
      - id: pt_base
        type: u8
        doc: "only x86 uses it: 0"
      - id: nr_pt_frames
        type: u8
        doc: "only x86 uses it: 0"
      - id: mfn_list
        type: u8
        doc: "only x86 uses it: 0"
      - id: mod_start
        type: u8
        doc: start of the initial RAM disk
      - id: mod_len
        type: u8
        doc: bytes of the initial RAM disk
      - id: cmd_line
        size: 1024
        terminator: 0
        doc: kernel command line
      - id: first_p2m_pfn
        type: u8
        if: layout == start_info_layouts::i2
        doc: "only x86 uses it"
      - id: nr_p2m_frames
        type: u8
        if: layout == start_info_layouts::i2
        doc: "only x86 uses it"

  console:
    doc: "Console of a domU; that of dom0 is a second view of the first word (9.3)."
    seq:
      - id: mfn
        type: u8
        doc: "gpfn of the console ring"
      - id: evtchn
        type: u4
        doc: "event channel port of the console"
      - id: pad84
        size: 4
    instances:
      dom0_info_off:
        value: mfn & 0xffffffff
      dom0_info_size:
        value: mfn >> 32

  boot_param:
    doc: "Boot parameter block, 96 bytes, behind start_info (9.3)."
    seq:
      - id: command_line
        type: u8
      - id: efi_systab
        type: u8
      - id: efi_memmap
        type: u8
      - id: efi_memmap_size
        type: u8
      - id: efi_memdesc_size
        type: u8
      - id: efi_memdesc_version
        type: u4
      - id: num_cols
        type: u2
      - id: num_rows
        type: u2
      - id: orig_x
        type: u2
      - id: orig_y
        type: u2
      - id: pad52
        size: 4
      - id: fpswa
        type: u8
      - id: initrd_start
        type: u8
      - id: initrd_size
        type: u8
      - id: domain_start
        type: u8
      - id: domain_size
        type: u8

  magic_pfns_3:
    doc: "D8 and D9 (10.2)."
    seq:
      - id: ioreq
        type: u8
      - id: bufioreq
        type: u8
      - id: store
        type: u8

  magic_pfns_4:
    doc: "D10 on (10.2)."
    seq:
      - id: store
        type: u8
      - id: ioreq
        type: u8
      - id: bufioreq
        type: u8
      - id: bufpioreq
        type: u8

  hvm_context:
    doc: "HVM state, with its size in 64 bits (10.3)."
    seq:
      - id: size
        type: u8
        valid:
          max: 8388608
        doc: "bytes that follow; the limit is that of 14.1"
      - id: body
        size: size
        type: hvm_body

  hvm_body:
    doc: "Records up to END (10.4)."
    seq:
      - id: records
        type: hvm_record
        repeat: until
        repeat-until: _.typecode == hvm_records::end
      - id: rest
        size-eos: true
        doc: nothing should be here

  hvm_record:
    doc: "Descriptor and body (10.4)."
    seq:
      - id: typecode
        type: u2
        enum: hvm_records
      - id: instance
        type: u2
        doc: the vcpu, or 0
      - id: length
        type: u4
        doc: bytes of the body; END has none, whatever stands here
      - id: body
        size: 'typecode == hvm_records::end ? 0 : length'
        type:
          switch-on: typecode
          cases:
            hvm_records::end: hvm_end
            hvm_records::header: hvm_header
            hvm_records::cpu: hvm_cpu
            hvm_records::vpd: hvm_vpd
            hvm_records::vlsapic: hvm_vlsapic
            hvm_records::vtime: hvm_vtime
            hvm_records::viosapic: hvm_viosapic
            hvm_records::vacpi: hvm_vacpi
            hvm_records::opt_feature_identity_mappings: hvm_identity_mappings

  hvm_end:
    doc: "END has no body (10.4)."
    seq:
      - id: rest
        size-eos: true

  hvm_header:
    doc: "HEADER, 64 bytes (10.5)."
    seq:
      - id: magic
        type: u8
        valid: '0x343641492f6e6558'
        doc: "Xen/IA64"
      - id: version
        type: u8
        doc: "1"
      - id: changeset
        type: u8
        doc: "~0 where unknown"
      - id: cpuid
        type: u8
        repeat: expr
        repeat-expr: 5
        doc: of the saving host

  hvm_cpu:
    doc: "CPU, 8 bytes (10.6)."
    seq:
      - id: ipsr
        type: u8

  hvm_vpd:
    doc: "VPD, 65536 bytes: the virtual processor descriptor (10.6)."
    seq:
      - id: vpd
        type: vpd(_root.mapped_regs_layout)

  vpd:
    doc: "What is not named in 10.6 holds pointers and garbage of the saving host."
    params:
      - id: layout
        type: u1
        enum: mapped_regs_layouts
    seq:
      - id: vpd_low
        size: 4096
        type: mapped_regs(layout)
      - id: reserved6
        size: 27648
      - id: vmm_avail
        type: u8
        repeat: expr
        repeat-expr: 128
        doc: private area of the hypervisor
      - id: reserved7
        size: 32768

  hvm_vlsapic:
    doc: "VLSAPIC, 48 bytes (10.7)."
    seq:
      - id: insvc
        type: u8
        repeat: expr
        repeat-expr: 4
        doc: vectors in service
      - id: vhpi
        type: u8
        doc: highest pending interrupt
      - id: xtp
        type: u1
        doc: external task priority
      - id: pal_init_pending
        type: u1
        doc: an INIT waits
      - id: pad
        size: 2
      - id: pad44
        size: 4

  hvm_vtime:
    doc: "VTIME, 32 bytes (10.7)."
    seq:
      - id: itc
        type: u8
        doc: cycle counter
      - id: itm
        type: u8
        doc: counter value of the next timer interrupt
      - id: last_itc
        type: u8
        doc: counter at which the timer last fired
      - id: pending
        type: u8
        doc: a timer interrupt waits

  hvm_viosapic:
    doc: "VIOSAPIC, 424 bytes (10.8)."
    seq:
      - id: irr
        type: u8
        doc: pins with a request
      - id: isr
        type: u8
        doc: pins in service
      - id: ioregsel
        type: u4
        doc: selected register
      - id: pad
        size: 4
      - id: lowest_vcpu_id
        type: u8
        doc: "below 64, or ~0"
      - id: base_address
        type: u8
        doc: "0xfec00000"
      - id: redirtbl
        type: redirection_entry
        repeat: expr
        repeat-expr: 48

  redirection_entry:
    doc: "How a pin becomes an interrupt (10.8)."
    seq:
      - id: bits
        type: u8
    instances:
      vector:
        value: bits & 0xff
      delivery_mode:
        value: (bits >> 8) & 7
      delivery_status:
        value: (bits >> 12) & 1 == 1
      polarity:
        value: (bits >> 13) & 1 == 1
      trig_mode:
        value: (bits >> 15) & 1 == 1
      mask:
        value: (bits >> 16) & 1 == 1
      dest_id:
        value: (bits >> 48) & 0xffff

  hvm_vacpi:
    doc: "VACPI, 8 bytes (10.9)."
    seq:
      - id: evt_blk
        type: u4
        doc: "status in the low half, enable in the high half"
      - id: tmr_val
        type: u4
        doc: timer
    instances:
      pm1a_sts:
        value: evt_blk & 0xffff
      pm1a_en:
        value: evt_blk >> 16

  hvm_identity_mappings:
    doc: "IDENTITY_MAPPINGS, 72 bytes: regions 4, 5 and 7 (10.9)."
    seq:
      - id: im_reg4
        type: identity_mapping
      - id: im_reg5
        type: identity_mapping
      - id: im_reg7
        type: identity_mapping

  identity_mapping:
    seq:
      - id: is_on
        type: u8
        doc: 0 or 1
      - id: pgprot
        type: u8
        doc: "0 where is_on is 0"
      - id: key
        type: u8
        doc: "0 where is_on is 0"

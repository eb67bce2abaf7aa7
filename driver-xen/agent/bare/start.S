/*
 * The first instructions of the control domain, and the three things that C cannot say.
 *
 * Xen enters at _start with translation off (every address is a guest physical one), interrupts off, and
 * r28 pointing to the boot parameters. There is no stack and no global pointer yet.
 */
	.explicit
	.text

#define ENTRY(name) .global name; .align 32; .proc name; name:

ENTRY(_start)
	mov	ar.rsc = 0		/* the register stack stays where it is while it is moved */
	movl	r3 = register_stack
	;;
	flushrs
	;;
	mov	ar.bspstore = r3
	;;
	mov	ar.rsc = 3		/* eager, this privilege level is Xen's to correct */
	movl	gp = __gp
	movl	sp = stack_end - 64	/* 16 bytes of scratch are the callee's, by the ABI */
	mov	r13 = r0		/* no threads */
	;;
	alloc	r2 = ar.pfs, 0, 0, 1, 0
	mov	out0 = r28
	;;
	br.call.sptk.many b0 = bare_main
	;;
1:	br.cond.sptk 1b			/* bare_main does not return */
	;;
	.endp	_start

/*
 * int64_t machine_hypercall(uint64_t number, const uint64_t argument[5])
 *
 * Up to 3.0.4 Xen takes arguments from r14 to r18, from 3.1 on from the first stacked registers: they are
 * put into both, so that nobody has to know the release before the first call is made.
 */
ENTRY(machine_hypercall)
	alloc	r31 = ar.pfs, 5, 0, 0, 0
	mov	r2 = in0
	mov	r3 = in1
	;;
	ld8	r14 = [r3], 8
	;;
	ld8	r15 = [r3], 8
	;;
	ld8	r16 = [r3], 8
	;;
	ld8	r17 = [r3], 8
	;;
	ld8	r18 = [r3]
	mov	in0 = r14
	mov	in1 = r15
	;;
	mov	in2 = r16
	mov	in3 = r17
	mov	in4 = r18
	;;
	break	0x1000
	;;
	br.ret.sptk.many b0
	;;
	.endp	machine_hypercall

/*
 * int64_t machine_simulator(uint64_t number, const uint64_t argument[4])
 *
 * A call that the simulator takes before Xen sees the break: number in r15, arguments stacked.
 */
ENTRY(machine_simulator)
	alloc	r31 = ar.pfs, 4, 0, 0, 0
	mov	r15 = in0
	mov	r3 = in1
	;;
	ld8	in0 = [r3], 8
	;;
	ld8	in1 = [r3], 8
	;;
	ld8	in2 = [r3], 8
	;;
	ld8	in3 = [r3]
	;;
	break	0x80002
	;;
	br.ret.sptk.many b0
	;;
	.endp	machine_simulator

/* uint64_t machine_ticks(void) */
ENTRY(machine_ticks)
	mov	r8 = ar.itc
	br.ret.sptk.many b0
	;;
	.endp	machine_ticks

	.section .bss
	.align	65536
register_stack:				/* grows upwards */
	.skip	65536
	.skip	65536			/* grows downwards */
stack_end:
	.skip	64

"""The built-in reader: a picture of a diagram in, its typed graph out, with no weights, no GPU and no network.

`reader.VisionReader` runs the stages; `parts` says what they hand on. Imports only `diagram`.

    load        files to pictures                     prepare     any picture to dark ink on light paper
    photo       photographs and scans of paper        ruling      the grid of a drawing canvas
    text        lines of words: text_ink (marks), text_lines, text_crop, text_read, ocr_tesseract, ocr_paddle
    shapes      walls -> regions -> candidates (border, outlines, rings, dashes, sketch) -> selection -> containers
    icons       markers of events, gateways and tasks
    second_look words that the first pass could not see
    connectors  linework -> thinning -> network -> heads
    assemble    labels (whose is which text), naming (types) -> the diagram
"""
